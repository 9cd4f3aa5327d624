import process from 'node:process';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { projectRoot } from '../helpers/cli.ts';
import { execTool, type ExecResult } from '../helpers/system-exec.ts';
import { inputOf, type Target } from './target.ts';
import { judge } from './run-target.ts';
import { targetNamed, targets } from './targets/all.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

const program = path.join(projectRoot, 'dist', 'bin', 'fuzz.js');

function fuzz(...args: readonly string[]): Promise<ExecResult> {
  return execTool(process.execPath, [program, ...args], { timeout: 900_000 });
}

test('every target, with its fixed number of runs: nothing is found', async (t) => {
  t.timeout(900_000);
  await withFolder(async (folder) => {
    const { status, stdout, stderr } = await fuzz('--fixed', '--out', path.join(folder, 'findings'));
    t.is(status, 0, stdout + stderr);
    const lines = stdout.split('\n').filter((line) => line.includes(' runs from seed '));
    t.deepEqual(
      lines.map((line) => line.slice(0, line.indexOf(':'))),
      targets.map(({ name }) => name),
    );
    const sum = (what: string): number =>
      lines.reduce((total, line) => total + Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1]), 0);
    t.is(
      sum('runs'),
      targets.reduce((total, { runs = 200 }) => total + runs, 0),
    );
    // Changes that are all refused, or all accepted, would test nothing.
    t.true(sum('accepted') > sum('runs') / 10 && sum('refused') > sum('runs') / 10);
    t.log(
      `fuzz: ${targets.length} parsers, ${sum('runs')} damaged inputs: ${sum('accepted')} accepted, ${sum('refused')} refused, 0 found`,
    );
  });
});

test('names of targets are of their own, and the input of a run is always the same', async (t) => {
  t.is(new Set(targets.map(({ name }) => name)).size, targets.length);
  for (const name of ['core/json', 'trust/signature', 'archive/save', 'pack/zip']) {
    const target = targetNamed(name);
    const [one, two] = [await target.valid(), await target.valid()];
    for (let run = 1; run < 20; run += 1) t.deepEqual(inputOf(target, one, run), inputOf(target, two, run));
  }
});

const odd = (read: Target['read']): Target => ({
  name: 'test/odd',
  valid: () => [],
  codes: ['E_JSON_INVALID'],
  read,
});

test('what a parser must not throw is a finding', async (t) => {
  const judged = async (read: Target['read']): Promise<string> => {
    const outcome = await judge(odd(read), Buffer.alloc(0), '/nonexistent');
    return 'fault' in outcome ? outcome.fault : '';
  };
  t.is(await judged(() => undefined), '');
  t.regex(await judged(() => JSON.parse('{')), /SyntaxError/);
  t.regex(await judged(() => Promise.reject(new RangeError('stack'))), /RangeError: stack/);
  t.regex(await judged(() => Promise.reject(new PackferryError('E_IO', 'x'))), /E_IO is not expected/);
  t.is(await judged(() => Promise.reject(new PackferryError('E_JSON_INVALID', 'x'))), '');
});

test('a run that hangs, and one that eats the memory, are findings, with the input and how to have it again', async (t) => {
  t.timeout(300_000);
  await withFolder(async (folder) => {
    for (const [target, what, patience] of [
      ['self-test/hangs', 'hangs: no end after', 3],
      ['self-test/grows', 'brings the thread down', 100],
    ] as const) {
      const { status, stdout } = await fuzz(
        '--target',
        target,
        '--runs',
        '9',
        '--seed',
        '1',
        '--patience',
        String(patience),
        '--out',
        folder,
      );
      t.is(status, 1, stdout);
      t.true(stdout.includes(`FOUND ${target}, seed 1: ${what}`), stdout);
      t.true(stdout.includes(`npm run fuzz -- --target ${target} --seed 1 --runs 1`), stdout);
    }
  });
});
