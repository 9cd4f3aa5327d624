import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { projectRoot } from '../helpers/cli.ts';

/** Threats whose tests are still to be written. This list only ever shrinks. */
const missing: readonly number[] = [];

interface Row {
  readonly number: number;
  readonly cells: readonly string[];
  readonly file: string;
}

async function readTable(): Promise<Row[]> {
  const text = await readFile(path.join(projectRoot, 'docs', 'trust-model.md'), 'utf8');
  const [, section = ''] = text.split('\n## Threats and their tests\n');
  const [table = ''] = section.split('\n## ');
  return table.split('\n').flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const number = Number(cells[0]);
    const [, file = ''] = /^`([0-9]{2}-[a-z-]+)`$/.exec(cells[3] ?? '') ?? [];
    return cells.length === 4 && Number.isInteger(number) ? [{ number, cells, file }] : [];
  });
}

/** Which threats the tests of a file say that they are about, in their titles. */
function threatsIn(source: string): Set<number> {
  return new Set([...source.matchAll(/['`]threat ([0-9]+): /g)].map(([, number]) => Number(number)));
}

const rows = await readTable();
const folder = path.join(projectRoot, 'test', 'threats');
const files = (await readdir(folder)).filter((name) => name !== 'table.test.ts');

test('the table has every threat once, in order, and says what counters it', (t) => {
  t.deepEqual(
    rows.map(({ number }) => number),
    Array.from({ length: 26 }, (_, index) => index + 1),
  );
  for (const { number, cells, file } of rows) {
    t.true(
      cells.every((cell) => cell !== ''),
      `row ${number}`,
    );
    t.is(Number(file.slice(0, 2)), number, `row ${number} names its test file`);
  }
});

test('every threat has its test file, except those that are known to be missing', (t) => {
  const absent = rows.filter(({ file }) => !files.includes(`${file}.test.ts`)).map(({ number }) => number);
  t.deepEqual(absent, missing, 'take a number off the list when its file is there');
});

test('every test file is of a threat of the table, and its titles name that one', async (t) => {
  for (const name of files) {
    const row = rows.find(({ file }) => `${file}.test.ts` === name);
    t.truthy(row, `${name} is in no row of the table`);
    const source = await readFile(path.join(folder, name), 'utf8');
    t.deepEqual([...threatsIn(source)], [row?.number], `titles in ${name} start with "threat N: "`);
  }
});
