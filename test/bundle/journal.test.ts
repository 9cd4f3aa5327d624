import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Journal, readJournal, type JournalState } from '../../src/bundle/journal.ts';
import type { Stretch } from '../../src/bundle/stretches.ts';
import type { Digest } from '../../src/core/digest.ts';
import { limits } from '../../src/core/limits.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

const plan: Digest = `sha256:${'0'.repeat(64)}`;
const one: Digest = `sha256:${'1'.repeat(64)}`;
const two: Digest = `sha256:${'2'.repeat(64)}`;
const head = `packferry-journal-3 ${plan} 2026-11-23T05:00:00Z 1795410000`;

/** What is read of a journal with these lines, by digest. */
async function read(text: string): Promise<Record<string, readonly Stretch[]> | undefined> {
  return withFolder(async (folder) => {
    await writeFile(path.join(folder, 'export.journal'), text);
    const state = await readJournal(folder);
    return state && Object.fromEntries(state.stretches);
  });
}

const reads = test.macro({
  async exec(t, lines: readonly string[], expected: Record<string, readonly Stretch[]>) {
    t.deepEqual(await read([head, ...lines, ''].join('\n')), expected);
  },
  title: (what) => `a journal is read: ${what ?? ''}`,
});

test('nothing was written yet', reads, [], {});
test('stretches of two blobs', reads, [`${one} 0 5`, `${two} 7 9`, `${one} 8 9`], {
  [one]: [
    { from: 0, to: 5 },
    { from: 8, to: 9 },
  ],
  [two]: [{ from: 7, to: 9 }],
});
test(
  'stretches that grow, overlap and repeat',
  reads,
  [`${one} 10 20`, `${one} 10 30`, `${one} 5 12`, `${one} 10 30`],
  { [one]: [{ from: 5, to: 30 }] },
);
test(
  'what is taken back counts no more, what comes after it does',
  reads,
  [`${one} 3 90`, `${one} 0`, `${one} 0 4`],
  {
    [one]: [{ from: 0, to: 4 }],
  },
);
test('stretches that end before they start', reads, [`${one} 9 3`, `${one} 5 5`], { [one]: [] });
test(
  'numbers that are none, or beyond what can be counted',
  reads,
  [
    `${one} -1 5`,
    `${one} 0 1e3`,
    `${one} 0 9999999999999999`,
    `${one} 1.5`,
    `${one} 0 5 9`,
    `${one}  5`,
    one,
    `sha256:abc 0 5`,
    `@ images-001.tar -5 5 ${one}`,
    `@ ../images-001.tar 0 5 ${one}`,
  ],
  {},
);

test('a line that a crash has cut does not count, whatever it could mean', async (t) => {
  const whole = [head, `${one} 0 5`, `${one} 10 2000`, ''].join('\n');
  for (let end = 1; end <= `${one} 10 2000\n`.length; end += 1) {
    t.deepEqual(await read(whole.slice(0, -end)), { [one]: [{ from: 0, to: 5 }] });
  }
});

test('a journal of the version before, which knew fronts only, is gone on with', async (t) => {
  const old = head.replace('journal-3', 'journal-2');
  const lines = [`${one} 5`, `${one} 12`, `${two} 7`, `${two} 0`, `${two} 3`, ''];
  t.deepEqual(await read([old, ...lines].join('\n')), {
    [one]: [{ from: 0, to: 12 }],
    [two]: [{ from: 0, to: 3 }],
  });
});

test('what is no journal of this version is none', async (t) => {
  const wrong = [
    '',
    head,
    `${head.replace('journal-3', 'journal-4')}\n`,
    `${head.replace(plan, 'sha256:0')}\n`,
    `${head.replace('2026-11-23T05:00:00Z', 'yesterday')}\n`,
    `${head.replace('1795410000', '-1')}\n`,
    `${head.replace(' 1795410000', '')}\n`,
  ];
  for (const text of wrong) t.is(await read(text), undefined, text);
  await withFolder(async (folder) => {
    t.is(await readJournal(folder), undefined);
    const file = path.join(folder, 'export.journal');
    await writeFile(file, `${head}\n`);
    await truncate(file, limits.journal + 1);
    t.is(await readJournal(folder), undefined);
  });
});

const fresh: JournalState = {
  plan,
  createdAt: '2026-11-23T05:00:00Z',
  sequence: 1795410000,
  places: [{ file: 'images-001.tar', digest: one, offset: 512, size: 4000 }],
  stretches: new Map(),
};

test('what is noted is read again, and a next run starts from it in few lines', async (t) => {
  await withFolder(async (folder) => {
    const journal = await Journal.start(folder, fresh);
    for (let to = 100; to <= 2000; to += 100) journal.note(one, { from: 0, to });
    journal.note(one, { from: 3000, to: 4000 });
    journal.note(two, { from: 0, to: 4000 });
    journal.forget(two);
    await journal.close();
    const state = await readJournal(folder);
    const stretches = [
      { from: 0, to: 2000 },
      { from: 3000, to: 4000 },
    ];
    t.deepEqual(state, { ...fresh, stretches: new Map([[one, stretches]]) });
    await (await Journal.start(folder, state ?? fresh)).close();
    t.deepEqual(await readJournal(folder), state);
    const lines = (await readFile(path.join(folder, 'export.journal'), 'utf8')).split('\n');
    t.deepEqual(lines.slice(2), [`${one} 0 2000`, `${one} 3000 4000`, '']);
  });
});

test('a journal that has become long is written anew, and loses nothing', async (t) => {
  await withFolder(async (folder) => {
    const journal = await Journal.start(folder, fresh, 2000);
    for (let to = 1; to <= 1000; to += 1) {
      journal.note(to % 2 === 0 ? one : two, { from: 0, to });
      if (to % 10 === 0) await journal.flush();
      t.true((await stat(path.join(folder, 'export.journal'))).size < 4000);
    }
    await journal.close();
    const { stretches } = (await readJournal(folder)) ?? fresh;
    t.deepEqual(Object.fromEntries(stretches), {
      [one]: [{ from: 0, to: 1000 }],
      [two]: [{ from: 0, to: 999 }],
    });
    t.deepEqual(await readdir(folder), ['export.journal']);
  });
});
