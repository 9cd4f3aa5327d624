import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import test from 'ava';
import { thisProcess } from '../../src/cli/this-process.ts';

const { pid, startedAt, isRunning } = thisProcess;

test('this process runs, and one of its number that started at another time does not', (t) => {
  t.is(pid, process.pid);
  t.true(isRunning(pid, startedAt));
  t.true(isRunning(pid, undefined));
  if (process.platform !== 'linux') {
    t.log('left out: when processes started is told by Linux only');
    return;
  }
  t.regex(startedAt ?? '', /^[0-9]+$/);
  t.false(isRunning(pid, String(Number(startedAt) - 1)));
});

test('a child that has ended does not run', async (t) => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  t.false(isRunning(child.pid ?? 0, undefined));
});
