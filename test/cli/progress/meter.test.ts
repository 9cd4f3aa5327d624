import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { formatSeconds, Meter } from '../../../src/cli/progress/meter.ts';

test('items and bytes add up, and what was there already counts as done but not as moved', (t) => {
  const meter = new Meter(3, 1000, 0);
  meter.add({ type: 'started', task: 'pull', item: 'a', bytes: 400 }, 1000);
  meter.add({ type: 'progress', task: 'pull', item: 'a', bytes: 100 }, 1000);
  meter.add({ type: 'skipped', task: 'pull', item: 'b', reason: 'already present', bytes: 500 }, 1000);
  const { itemsDone, bytesDone, rate, secondsLeft } = meter.standing(2000);
  t.is(itemsDone, 1);
  t.is(bytesDone, 600);
  t.is(rate, 50);
  t.is(secondsLeft, 8);
});

test('the sum never falls: not when an item starts afresh, nor when events come late', (t) => {
  const meter = new Meter(1, 100, 0);
  const seen: number[] = [];
  for (const bytes of [10, 60, 0, 20, 70, 65]) {
    meter.add({ type: 'progress', task: 'pull', item: 'a', bytes }, 1000);
    seen.push(meter.standing(1000).bytesDone);
  }
  t.deepEqual(seen, [10, 60, 60, 60, 70, 70]);
  meter.add({ type: 'done', task: 'pull', item: 'a', bytes: 100 }, 1000);
  t.is(meter.standing(1000).bytesDone, 100);
});

test('more bytes than planned are not shown', (t) => {
  const meter = new Meter(1, 100, 0);
  meter.add({ type: 'done', task: 'pull', item: 'a', bytes: 150 }, 1000);
  t.is(meter.standing(1000).bytesDone, 100);
  t.is(meter.standing(1000).secondsLeft, 0);
});

test('nobody can tell how long it takes while nothing has moved', (t) => {
  const meter = new Meter(1, 100, 0);
  t.is(meter.standing(0).secondsLeft, undefined);
  meter.add({ type: 'failed', task: 'pull', item: 'a', error: new PackferryError('E_IO', 'broken') }, 1000);
  t.is(meter.standing(0).itemsDone, 1);
});

const written = test.macro({
  exec(t, seconds: number | undefined, text: string) {
    t.is(formatSeconds(seconds), text);
  },
  title: (_, seconds) => `${String(seconds)} seconds`,
});
test(written, undefined, '?');
test(written, Infinity, '?');
test(written, NaN, '?');
test(written, 0, '0s');
test(written, 0.2, '1s');
test(written, 59, '59s');
test(written, 59.5, '1m00s');
test(written, 200, '3m20s');
test(written, 3599.9, '1h00m');
test(written, 3900, '1h05m');
