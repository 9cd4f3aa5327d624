import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/events.ts';
import { formatSeconds, Meter } from '../../../src/cli/progress/meter.ts';
import { randomFrom } from '../../helpers/random.ts';

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

test('bytes of an earlier run that are hashed again move the sum, but are no rate of the network', (t) => {
  const meter = new Meter(1, 1000, 0);
  const about = { task: 'pull', item: 'a' } as const;
  meter.add({ type: 'started', ...about, bytes: 1000, present: 0 }, 1000);
  meter.add({ type: 'progress', ...about, bytes: 400, present: 400 }, 1000);
  t.like(meter.standing(2000), { bytesDone: 400, rate: 0, secondsLeft: undefined });
  meter.add({ type: 'started', ...about, bytes: 1000, present: 400 }, 2000);
  meter.add({ type: 'progress', ...about, bytes: 500 }, 2000);
  t.like(meter.standing(2000), { bytesDone: 500, rate: 50 });
});

test('the same image counts once for each target that it is brought to', (t) => {
  const meter = new Meter(2, 200, 0);
  const about = { task: 'deliver', item: 'a' } as const;
  meter.add({ type: 'progress', ...about, target: 'ssh://one', bytes: 60 }, 1000);
  meter.add({ type: 'progress', ...about, target: 'ssh://two', bytes: 30 }, 1000);
  t.like(meter.standing(1000), { itemsDone: 0, bytesDone: 90 });
  meter.add({ type: 'done', ...about, target: 'ssh://one', bytes: 100 }, 1000);
  t.like(meter.standing(1000), { itemsDone: 1, bytesDone: 130 });
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

test('what starts anew moves once more, but is not counted twice, and does not make the sum fall', (t) => {
  const meter = new Meter(2, 1000, 0);
  meter.add({ type: 'started', task: 'pull', item: 'a', bytes: 500, present: 300 }, 0);
  meter.add({ type: 'progress', task: 'pull', item: 'a', bytes: 500 }, 1000);
  t.is(meter.standing(1000).bytesDone, 500);
  t.is(meter.standing(1000).rate, 200);
  // What was there before was damaged.
  meter.add({ type: 'started', task: 'pull', item: 'a', bytes: 500, present: 0 }, 1000);
  meter.add({ type: 'progress', task: 'pull', item: 'a', bytes: 400 }, 2000);
  t.is(meter.standing(2000).bytesDone, 500);
  t.is(meter.standing(2000).rate, 300);
  meter.add({ type: 'done', task: 'pull', item: 'a', bytes: 500 }, 2000);
  t.is(meter.standing(2000).bytesDone, 500);
});

test('what a target had already is done, but did not move', (t) => {
  const meter = new Meter(1, 1000, 0);
  meter.add({ type: 'progress', task: 'deliver', item: 'a', bytes: 100 }, 1000);
  meter.add({ type: 'done', task: 'deliver', item: 'a', bytes: 1000 }, 1000);
  t.like(meter.standing(1000), { bytesDone: 1000, rate: 100, secondsLeft: 0, itemsDone: 1 });
});

test('a rate is that of the last ten seconds, and falls to nothing when a download stalls', (t) => {
  const meter = new Meter(1, 10_000_000, 0);
  let bytes = 0;
  const rates: number[] = [];
  for (let second = 1; second <= 100; second += 1) {
    bytes += second <= 50 ? 1000 : 9000;
    meter.add({ type: 'progress', task: 'pull', item: 'a', bytes }, second * 1000);
    rates.push(meter.standing(second * 1000).rate);
  }
  t.is(Math.round((rates[49] ?? 0) / 100), 10);
  // The mean of the whole run is 5000.
  t.is(Math.round((rates[99] ?? 0) / 1000), 9);
  const stalled = [0, 2, 4, 6, 8, 11].map((seconds) => meter.standing((100 + seconds) * 1000).rate);
  t.deepEqual(
    stalled,
    [...stalled].sort((a, b) => b - a),
  );
  t.is(new Set(stalled).size, stalled.length);
  t.is(stalled.at(-1), 0);
});

test('the time left moves less than the rate, and nobody can tell it once all has stood still for long', (t) => {
  const meter = new Meter(1, 1_000_000, 0);
  for (let second = 1; second <= 60; second += 1) {
    meter.add({ type: 'progress', task: 'pull', item: 'a', bytes: second * 10_000 }, second * 1000);
  }
  const before = meter.standing(60_000);
  t.true(Math.abs((before.secondsLeft ?? 0) - 40) < 2, String(before.secondsLeft));
  const after = meter.standing(65_000);
  const [rateFell, leftGrew] = [
    before.rate / after.rate,
    (after.secondsLeft ?? 0) / (before.secondsLeft ?? 1),
  ];
  t.true(rateFell > 1.6 && leftGrew > 1 && leftGrew < 1.4, `${rateFell} ${leftGrew}`);
  t.is(meter.standing(120_000).secondsLeft, undefined);
});

test('in whatever order events come: the sum never falls, is never too large, and time does not stand in the way', (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomFrom(seed);
    const sizes = Array.from({ length: 1 + random(6) }, () => random(1000));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const meter = new Meter(sizes.length, total, 0);
    let [now, before] = [0, meter.standing(0)];
    for (let step = 0; step < 80; step += 1) {
      now += random(5) === 0 ? random(20_000) : random(300);
      const number = random(sizes.length);
      const size = sizes[number] ?? 0;
      const about = { task: 'pull', item: String(number) } as const;
      const happened: readonly Event[] = [
        { type: 'started', ...about, bytes: size, present: random(size + 1) },
        { type: 'progress', ...about, bytes: random(size + 1) },
        { type: 'progress', ...about, bytes: random(size + 1) },
        { type: 'done', ...about, bytes: size },
        { type: 'skipped', ...about, reason: 'already present', bytes: size },
        { type: 'failed', ...about, error: new PackferryError('E_IO', 'broken') },
      ];
      meter.add(happened[random(happened.length)] ?? { type: 'finished', task: 'pull' }, now);
      const standing = meter.standing(now);
      t.true(standing.bytesDone >= before.bytesDone && standing.bytesDone <= total, `seed ${seed}`);
      t.true(standing.itemsDone >= before.itemsDone && standing.itemsDone <= sizes.length, `seed ${seed}`);
      t.true(Number.isFinite(standing.rate) && standing.rate >= 0, `seed ${seed}`);
      before = standing;
    }
    sizes.forEach((bytes, number) =>
      meter.add({ type: 'done', task: 'pull', item: String(number), bytes }, now),
    );
    t.like(meter.standing(now), { bytesDone: total, itemsDone: sizes.length, secondsLeft: 0 });
  }
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
