import test from 'ava';
import type { Compared, Run } from '../../../bin/bench/ssh/compare.ts';
import { sshTable, sshWords } from '../../../bin/bench/ssh/table.ts';

const run = (seconds: number, more: Partial<Run> = {}): Run => ({
  ...{ seconds, cpuSeconds: 5, clientCpuSeconds: 2, peakMemory: 0, clientPeakMemory: 140e6 },
  ...{ peakDisk: 0, output: 0, written: 0 },
  ...more,
});
const way = (name: string, median: Run) => ({ name, median, runs: [median] });

const near: Compared = {
  ...{ scenario: 'fresh', hosts: 1, knownBase: false, roundTrip: 0, missing: 1000 },
  ways: [way('packferry import', run(4)), way('a pipe', run(8))],
};
const known: Compared = {
  ...{ scenario: 'known base', hosts: 1, knownBase: true, roundTrip: 0, missing: 1000 },
  ways: [way('packferry import', run(1, { sent: 1004, received: 3 })), way('a pipe', run(2, { sent: 9000 }))],
};
const eight: Compared = {
  ...{ scenario: 'eight hosts', hosts: 8, knownBase: false, roundTrip: 0, missing: 1000 },
  ways: [way('packferry import', run(6))],
};

const cells = (table: string): string[][] =>
  table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('the last column is packferry by the other way, and stays empty in its own line', (t) => {
  const [, , own, pipe] = cells(sshTable([near]));
  t.is(own?.at(-1), '');
  t.is(pipe?.at(-1), '0.50');
  t.is(own?.[4], '3.00');
});

test('the memory of a pipe is not told: only its shell would be seen', (t) => {
  const [, , own, pipe] = cells(sshTable([near]));
  t.is(own?.[5], '140.0');
  t.is(pipe?.[5], '');
});

test('bytes of both ways count against what was missing, and only where they were counted', (t) => {
  t.deepEqual(sshWords([near]), []);
  t.deepEqual(sshWords([known]), [
    'known base: packferry import: 1007 bytes both ways for 1000 missing: 0.70 % above',
  ]);
});

test('many hosts are compared with one that is as near and as empty, never with a known base', (t) => {
  t.deepEqual(sshWords([near, eight]), ['eight hosts: packferry import: 1.50 times the time of one host']);
  t.deepEqual(sshWords([{ ...known, ways: [way('packferry import', run(1))] }, eight]), []);
});
