import { mock } from 'node:test';
import test from 'ava';
import { plainRenderer } from '../../../src/cli/progress/plain.ts';
import { MemoryOutput } from '../../helpers/cli-run.ts';

test('every ten seconds while bytes move, also after a pause, and never once all is done', (t) => {
  mock.timers.enable({ apis: ['setInterval', 'Date'] });
  try {
    const stderr = new MemoryOutput();
    const { emit, stop } = plainRenderer(stderr);
    const beats = (): number => stderr.text.split('\n').filter((line) => line.startsWith('Pulling: ')).length;
    mock.timers.tick(60_000);
    t.is(beats(), 0);

    emit({ type: 'planned', task: 'pull', items: 1, bytes: 10 * 1024 });
    emit({ type: 'progress', task: 'pull', item: 'a', bytes: 2 * 1024 });
    mock.timers.tick(9_999);
    t.is(beats(), 0);
    mock.timers.tick(1);
    t.true(stderr.text.includes('Pulling: 20%, 2.0 KiB of 10.0 KiB, 205 B/s, 40s left'), stderr.text);
    mock.timers.tick(20_000);
    t.is(beats(), 3);

    stop();
    mock.timers.tick(60_000);
    t.is(beats(), 3);
    emit({ type: 'planned', task: 'pull', items: 1, bytes: 10 });
    mock.timers.tick(10_000);
    t.is(beats(), 4);
    emit({ type: 'finished', task: 'pull' });
    mock.timers.tick(60_000);
    t.is(beats(), 4);
    emit({ type: 'planned', task: 'resolve', items: 7, bytes: 0 });
    emit({ type: 'done', task: 'resolve', item: 'image' });
    mock.timers.tick(10_000);
    t.true(stderr.text.endsWith('Resolving: 1 of 7 images\n'), stderr.text);
    stop();
  } finally {
    mock.timers.reset();
  }
});
