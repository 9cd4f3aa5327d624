import test from 'ava';
import type { Digest } from '../../src/core/digest.ts';
import { BaseMissing } from '../../src/core/base-missing.ts';
import { deliverInOrder, type Bases } from '../../src/flows/delivery-order.ts';

const blob = (name: string): Digest => `sha256:${name}`;
const waiting = (value: string, ...missing: string[]) => ({
  value,
  missing: new Map(missing.map((name) => [blob(name), 1])),
});

/** Deliveries that end when the test says so. */
class Deliveries {
  readonly running: string[] = [];
  readonly started: string[] = [];
  readonly #ends = new Map<string, { resolve: (answer: string) => void; reject: (fault: Error) => void }>();

  /** What each one began ahead of. */
  readonly bases = new Map<string, Bases<string>>();

  readonly deliver = (value: string, bases?: Bases<string>): Promise<string> => {
    if (bases === undefined) this.bases.delete(value);
    else this.bases.set(value, bases);
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
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 8, arrived });
  await settled();
  t.deepEqual(deliveries.running, ['os']);
  await deliveries.end('os');
  t.deepEqual(deliveries.running, ['x', 'y', 'z']);
  for (const name of ['z', 'y', 'x']) await deliveries.end(name);
  t.deepEqual(await all, ['x loaded', 'y loaded', 'os loaded', 'z loaded']);
});

test('images that share nothing go at once, as many as allowed', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('a', 'a'), waiting('b', 'b'), waiting('c', 'c')];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived });
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
  const large = {
    value: 'large',
    missing: new Map([
      [blob('os'), 100],
      [blob('a'), 800],
    ]),
  };
  const images = [large, waiting('small', 'os', 'b', 'c', 'd')].map((one) => {
    one.missing.set(blob('os'), 100);
    return one;
  });
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived });
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
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived });
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
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 4, arrived });
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
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived });
  await settled();
  await deliveries.end('a', new Error('interrupted'));
  t.deepEqual(deliveries.started, ['a', 'b']);
  await deliveries.end('b');
  await t.throwsAsync(all, { message: 'interrupted' });
  t.deepEqual(deliveries.started, ['a', 'b']);
});

test('where nothing else can begin, an image goes ahead, and hears when what it stands on is there', async (t) => {
  const deliveries = new Deliveries();
  const images = [
    waiting('os', 'os'),
    waiting('x', 'os', 'x'),
    waiting('y', 'os', 'x', 'y'),
    waiting('z', 'z'),
  ];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 3, arrived, ahead: true });
  await settled();
  // What is free goes first.
  t.deepEqual(deliveries.running, ['os', 'z', 'x']);
  t.deepEqual(deliveries.bases.get('x')?.values, ['os']);
  t.is(deliveries.bases.get('z'), undefined);
  await deliveries.end('z');
  t.deepEqual(deliveries.bases.get('y')?.values, ['os', 'x']);
  let hasArrived = false;
  void deliveries.bases
    .get('y')
    ?.wait()
    .then(() => (hasArrived = true));
  await deliveries.end('os');
  t.false(hasArrived);
  await deliveries.end('x');
  t.true(hasArrived);
  await deliveries.end('y');
  t.deepEqual(await all, ['os loaded', 'x loaded', 'y loaded', 'z loaded']);
});

test('an image that went ahead of one that fails has its turn again, and brings what was to be there', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('os', 'os'), waiting('x', 'os', 'x'), waiting('y', 'os', 'y')];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 3, arrived, ahead: true });
  await settled();
  t.deepEqual(deliveries.running, ['os', 'x', 'y']);
  const [x, y] = ['x', 'y'].map((name) => deliveries.bases.get(name));
  await deliveries.end('os', 'os failed');
  await t.throwsAsync(async () => x?.wait(), { instanceOf: BaseMissing });
  await deliveries.end('x', new BaseMissing());
  // Alone: nobody brings the base any more.
  t.is(deliveries.bases.get('x'), undefined);
  await t.throwsAsync(async () => y?.wait(), { instanceOf: BaseMissing });
  await deliveries.end('y', new BaseMissing());
  t.deepEqual(deliveries.bases.get('y')?.values, ['x']);
  await deliveries.end('x');
  await deliveries.end('y');
  t.deepEqual(await all, ['os failed', 'x loaded', 'y loaded']);
});

test('what may not go ahead waits, but not for one that only stands on the same', async (t) => {
  const deliveries = new Deliveries();
  const held = { ...waiting('x', 'os', 'x'), mayGoAhead: false };
  const images = [waiting('os', 'os'), held, waiting('y', 'os', 'y')];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 3, arrived, ahead: true });
  await settled();
  t.deepEqual(deliveries.running, ['os', 'y']);
  await deliveries.end('os');
  // What y went ahead of is no reason to wait for y.
  t.deepEqual(deliveries.running, ['y', 'x']);
  await deliveries.end('x');
  await deliveries.end('y');
  await all;
});

test('after a fault what went ahead in vain does not begin again', async (t) => {
  const deliveries = new Deliveries();
  const images = [waiting('os', 'os'), waiting('x', 'os', 'x')];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived, ahead: true });
  await settled();
  await deliveries.end('os', new Error('interrupted'));
  await deliveries.end('x', new BaseMissing());
  await t.throwsAsync(all, { message: 'interrupted' });
  t.deepEqual(deliveries.started, ['os', 'x']);
});

test('of those that can begin, the one goes first on which the longest chain waits, not the smallest', async (t) => {
  const deliveries = new Deliveries();
  const images = [
    waiting('small', 's'),
    waiting('base', 'b1', 'b2'),
    waiting('top', 'b1', 'b2', 't1', 't2'),
    waiting('lone', 'l1', 'l2', 'l3'),
    waiting('there'),
  ];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 1, arrived });
  for (const name of ['there', 'base', 'lone', 'top', 'small']) {
    await settled();
    t.deepEqual(deliveries.running, [name]);
    await deliveries.end(name);
  }
  await all;
});

test('one that has been sent and only waits gives its place to the next, but no more wait than may run', async (t) => {
  const deliveries = new Deliveries();
  const images = [
    waiting('os', 'os'),
    waiting('w', 'os', 'w'),
    waiting('x', 'os', 'x'),
    waiting('y', 'os', 'y'),
  ];
  const all = deliverInOrder(images, deliveries.deliver, { jobs: 2, arrived, ahead: true });
  await settled();
  t.deepEqual(deliveries.running, ['os', 'w']);
  const waits: Promise<void>[] = [];
  const wait = (name: string): void =>
    void waits.push(deliveries.bases.get(name)?.wait() ?? Promise.reject(new Error(name)));
  wait('w');
  await settled();
  t.deepEqual(deliveries.running, ['os', 'w', 'x']);
  wait('x');
  await settled();
  t.deepEqual(deliveries.running, ['os', 'w', 'x', 'y']);
  wait('y');
  await settled();
  t.deepEqual(deliveries.running, ['os', 'w', 'x', 'y']);
  await deliveries.end('os');
  await Promise.all(waits);
  for (const name of ['y', 'x', 'w', 'z']) await deliveries.end(name);
  await all;
});
