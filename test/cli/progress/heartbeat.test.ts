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
    // Nothing has moved since.
    t.true(stderr.text.endsWith('2.0 KiB of 10.0 KiB, 0 B/s, ? left\n'), stderr.text);
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
    emit({ type: 'finished', task: 'resolve' });

    emit({ type: 'started', task: 'pull', item: 'index.json' });
    emit({ type: 'progress', task: 'pull', item: 'index.json', bytes: 5 * 1024 });
    emit({ type: 'started', task: 'scan', item: 'Packs' });
    mock.timers.tick(10_000);
    t.true(stderr.text.endsWith('Pulling: index.json, 5.0 KiB, 512 B/s\nScanning: Packs\n'), stderr.text);
    emit({ type: 'done', task: 'pull', item: 'index.json', bytes: 5 * 1024 });
    emit({ type: 'done', task: 'scan', item: 'Packs' });
    const text = stderr.text;
    mock.timers.tick(60_000);
    t.is(stderr.text, text);
    stop();
  } finally {
    mock.timers.reset();
  }
});

test('a wait is one line, with its length and end', (t) => {
  const stderr = new MemoryOutput();
  const { emit } = plainRenderer(stderr);
  const until = new Date(2026, 10, 25, 13, 45, 30);
  emit({
    type: 'waiting',
    what: 'registry.example',
    reason: 'too many requests\n',
    milliseconds: 90_000,
    until: until.toISOString(),
  });
  t.is(stderr.text, 'waiting 1m30s, until 13:45:30: registry.example: too many requests\\u{a}\n');
});
