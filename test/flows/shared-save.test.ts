import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { SharedSave } from '../../src/flows/shared-save.ts';

const size = 1000;
const pieces = Array.from({ length: 40 }, (_, at) => Buffer.alloc(size, at));
const all = Buffer.concat(pieces);

/** A save that counts how far it was read, and how often it was closed. */
class Counted {
  given = 0;
  closed = 0;
  breaksAfter = Infinity;

  readonly open = (stop: AbortSignal): AsyncIterable<Buffer> => this.#read(stop);

  async *#read(stop: AbortSignal): AsyncGenerator<Buffer> {
    try {
      for (const piece of pieces) {
        await turn();
        stop.throwIfAborted();
        if (this.given >= this.breaksAfter) throw new Error('bad sector');
        this.given += 1;
        yield piece;
      }
    } finally {
      this.closed += 1;
    }
  }
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const taken: Buffer[] = [];
  for await (const chunk of chunks) taken.push(chunk);
  return Buffer.concat(taken);
}

const settled = async (): Promise<void> => {
  for (let at = 0; at < 200; at += 1) await turn();
};

test('all who read along get every byte, and it is read once', async (t) => {
  const counted = new Counted();
  const shared = new SharedSave(counted.open, 4 * size);
  const places = Array.from({ length: 5 }, () => shared.join());
  const read = await Promise.all(places.map((place) => whole(shared.read(place))));
  t.true(read.every((bytes) => bytes.equals(all)));
  t.is(counted.given, pieces.length);
  t.is(counted.closed, 1);
});

test('the slowest sets the pace: nobody gets further ahead than the window', async (t) => {
  const counted = new Counted();
  const shared = new SharedSave(counted.open, 4 * size);
  const slow = shared.read(shared.join());
  const quick = whole(shared.read(shared.join()));
  await slow.next();
  await settled();
  t.is(counted.given, 5, 'what it has taken, and the window');
  await slow.next();
  await settled();
  t.is(counted.given, 6);
  t.is((await whole(slow)).length, all.length - 2 * size);
  t.true((await quick).equals(all));
});

test('one that is stopped while it stands still lets the others go on', async (t) => {
  const counted = new Counted();
  const shared = new SharedSave(counted.open, 4 * size);
  const slow = shared.read(shared.join());
  const quick = whole(shared.read(shared.join()));
  await slow.next();
  await settled();
  t.is(counted.given, 5);
  await slow.return(undefined);
  t.true((await quick).equals(all));
});

test('one that is interrupted while it waits for the others ends at once, with its own reason', async (t) => {
  const counted = new Counted();
  const shared = new SharedSave(counted.open, 4 * size);
  const slow = shared.read(shared.join());
  const stop = new AbortController();
  const quick = whole(shared.read(shared.join(), stop.signal));
  await slow.next();
  await settled();
  stop.abort(new Error('enough'));
  await t.throwsAsync(quick, { message: 'enough' });
  t.is((await whole(slow)).length, all.length - size);
});

test('a save that breaks is told to everybody, behind what had come of it', async (t) => {
  const counted = new Counted();
  counted.breaksAfter = 7;
  const shared = new SharedSave(counted.open, 40 * size);
  const read = Array.from({ length: 3 }, () => shared.read(shared.join()));
  for (const one of read) {
    let taken = 0;
    const reading = async (): Promise<void> => {
      for await (const bytes of one) taken += bytes.length;
    };
    await t.throwsAsync(reading, { message: 'bad sector' });
    t.is(taken, 7 * size);
  }
});

test('a save that nobody reads any more is closed, also where it waited for somebody to take', async (t) => {
  const counted = new Counted();
  const shared = new SharedSave(counted.open, 2 * size);
  const one = shared.read(shared.join());
  const two = shared.read(shared.join());
  await one.next();
  await two.next();
  await settled();
  await one.return(undefined);
  t.is(counted.closed, 0);
  await two.return(undefined);
  await settled();
  t.is(counted.closed, 1);
});
