import test from 'ava';
import type { Digest } from '../../src/core/digest.ts';
import { deliverInOrder, type Waiting } from '../../src/flows/delivery-order.ts';

const blob = (name: string): Digest => `sha256:${name}`;
const waiting = (value: string, ...missing: string[]): Waiting<string> => ({
  value,
  missing: new Set(missing.map(blob)),
  bytes: missing.length,
});

/** Deliveries that end when the test says so. */
class Deliveries {
  readonly running: string[] = [];
  readonly started: string[] = [];
  readonly #ends = new Map<string, { resolve: (answer: string) => void; reject: (fault: Error) => void }>();

  readonly deliver = (value: string): Promise<string> => {
    this.running.push(value);
    this.started.push(value);
    return new Promise((resolve, reject) => this.#ends.set(value, { resolve, reject }));
  };

  /** Ends one and lets what follows begin. */
  async end(value: string, answer: string | Error = `${value} loaded`): Promise<void> {
    this.running.splice(this.running.indexOf(value), 1);
    const ends = this.#ends.get(value);
    if (answer instanceof Error) ends?.reject(answer);
    else ends?.resolve(answer);
    await settled();
  }
}

/** Everything that can go on without new input has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const arrived = (answer: string): boolean => answer.endsWith('loaded');

test('the base goes first, and all that stand on it side by side after it', async (t) => {
  const deliveries = new Deliveries();
  const images = [
    waiting('x', 'os', 'x'),
    waiting('y', 'os', 'y'),
    waiting('os', 'os'),
    waiting('z', 'os', 'z'),
  ];
  const all = deliverInOrder(images, 8, deliveries.deliver, arrived);
  await settled();
  t.deepEqual(deliveries.running, ['os']);
  await deliveries.end('os');
  t.deepEqual(deliveries.running, ['x', 'y', 'z']);
  for (const name of ['z', 'y', 'x']) await deliveries.end(name);
  t.deepEqual(await all, ['x loaded', 'y loaded', 'os loaded', 'z loaded']);
});

test('images that share nothing go at once, as many as allowed', async (t) => {
  const deliveries = new Deliveries();
  const all = deliverInOrder(
    [waiting('a', 'a'), waiting('b', 'b'), waiting('c', 'c')],
    2,
    deliveries.deliver,
    arrived,
  );
  await settled();
  t.deepEqual(deliveries.running, ['a', 'b']);
  await deliveries.end('b');
  t.deepEqual(deliveries.running, ['a', 'c']);
  await deliveries.end('a');
  await deliveries.end('c');
  t.is((await all).length, 3);
});

test('of images that share a base the one goes first that has it there soonest, however many layers it has', async (t) => {
  const deliveries = new Deliveries();
  const images = [
    { ...waiting('large', 'os', 'a'), bytes: 900 },
    { ...waiting('small', 'os', 'b', 'c', 'd'), bytes: 500 },
  ];
  const all = deliverInOrder(images, 2, deliveries.deliver, arrived);
  await settled();
  t.deepEqual(deliveries.running, ['small']);
  await deliveries.end('small');
  t.deepEqual(deliveries.running, ['large']);
  await deliveries.end('large');
  await all;
});

test('an image that waits does not hold up those behind it', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('a', 'os'), waiting('b', 'os', 'b'), waiting('c', 'c', 'd')];
  const all = deliverInOrder(images, 2, deliveries.deliver, arrived);
  await settled();
  t.deepEqual(deliveries.running, ['a', 'c']);
  await deliveries.end('c');
  t.deepEqual(deliveries.running, ['a']);
  await deliveries.end('a');
  await deliveries.end('b');
  t.deepEqual(deliveries.started, ['a', 'c', 'b']);
  await all;
});

test('what failed has brought nothing: the next one that lacks the same goes alone', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('a', 'os'), waiting('b', 'os', 'b'), waiting('c', 'os', 'c')];
  const all = deliverInOrder(images, 4, deliveries.deliver, arrived);
  await settled();
  await deliveries.end('a', 'a failed');
  t.deepEqual(deliveries.running, ['b']);
  await deliveries.end('b');
  t.deepEqual(deliveries.running, ['c']);
  await deliveries.end('c');
  t.deepEqual(await all, ['a failed', 'b loaded', 'c loaded']);
});

test('after a fault nothing more starts, what runs is waited for, and the fault is thrown', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('a', 'a'), waiting('b', 'b'), waiting('c', 'c')];
  const all = deliverInOrder(images, 2, deliveries.deliver, arrived);
  await settled();
  await deliveries.end('a', new Error('interrupted'));
  t.deepEqual(deliveries.started, ['a', 'b']);
  await deliveries.end('b');
  await t.throwsAsync(all, { message: 'interrupted' });
  t.deepEqual(deliveries.started, ['a', 'b']);
});
