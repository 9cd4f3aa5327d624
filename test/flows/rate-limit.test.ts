import { Readable } from 'node:stream';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { collect } from '../../src/core/collect.ts';
import { limited, RateLimit, type Clock } from '../../src/flows/rate-limit.ts';
import { Watch } from '../helpers/watch.ts';

const chunks = (size: number, number: number): Readable =>
  Readable.from(
    Array.from({ length: number }, (_, at) => Buffer.alloc(size, at)),
    { objectMode: false },
  );

test('a stream takes the time that its size and the rate make, and stays as it is', async (t) => {
  const clock = new Watch();
  const content = await collect(chunks(100_000, 50), 5_000_000, 'x');
  const slow = await collect(limited(chunks(100_000, 50), [new RateLimit(1_000_000, clock)]), 5_000_000, 'x');
  t.true(slow.equals(content));
  // 5 MB at 1 MB/s: what may be made up for at once, and the last piece, take none of it.
  t.true(clock.time >= 4800 && clock.time <= 5000, `${clock.time} ms`);
});

test('streams of one limit have the rate together, each gets on, and none gets more than its own', async (t) => {
  const clock = new Watch();
  const total = new RateLimit(1_000_000, clock);
  const own = new RateLimit(250_000, clock);
  const ends: number[] = [];
  const read = async (limits: readonly RateLimit[]): Promise<void> => {
    await collect(limited(chunks(50_000, 20), limits), 1_000_000, 'x');
    ends.push(clock.time);
  };
  await Promise.all([read([total]), read([total]), read([own, total])]);
  const [first = 0, second = 0, third = 0] = ends;
  t.true(second >= 1800 && second <= 3000, ends.join());
  t.true(second - first < 300, 'equal ones end together');
  t.true(third >= 3800 && third <= 4200, 'one with a limit of its own takes its time');
});

test('no gusts: after a pause no more goes at once than in a tenth of a second', async (t) => {
  const clock = new Watch();
  const limit = new RateLimit(1_000_000, clock);
  const { signal } = new AbortController();
  clock.time = 60_000;
  const start = clock.time;
  for (let sent = 0; sent < 500_000; sent += limit.piece) await limit.take(limit.piece, signal);
  t.true(clock.time - start >= 300, `${clock.time - start} ms`);
});

test('nothing is read ahead while the limit makes it wait', async (t) => {
  let read = 0;
  const source = new Readable({
    highWaterMark: 1,
    read() {
      read += 10_000;
      this.push(Buffer.alloc(10_000));
    },
  });
  const never: Clock = { now: () => 0, sleep: () => new Promise(() => undefined) };
  const stream = limited(source, [new RateLimit(1024, never)]);
  stream.read(0);
  for (let at = 0; at < 50; at += 1) await turn();
  t.true(read <= 50_000, `${read} bytes`);
  stream.destroy();
});

test('what is given up while it waits ends at once, and closes its source', async (t) => {
  const source = chunks(1_000_000, 3);
  const stream = limited(source, [new RateLimit(1024)]);
  stream.read(0);
  await turn();
  stream.destroy();
  await new Promise((resolve) => (source.closed ? resolve(undefined) : source.once('close', resolve)));
  t.true(source.destroyed);
});

test('by the real clock: a second is no less than a second', async (t) => {
  const began = performance.now();
  await limited(chunks(64 * 1024, 9), [new RateLimit(512 * 1024)]).toArray();
  // A busy machine may take longer.
  t.true(performance.now() - began >= 900);
});
