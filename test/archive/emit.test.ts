import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive } from '../../src/archive/plan.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { Descriptor } from '../../src/core/image.ts';
import { blobBytes, opener, smallFamily } from '../helpers/compose.ts';

const { composed, images } = smallFamily();
const plan = planArchive(images, { commitRecord: 'last' });
const blobs = blobBytes(composed);

/** Everything that leaves, and the fault that ends it. */
async function drain(archive: Readable): Promise<{ bytes: Buffer; fault: unknown }> {
  const chunks: Buffer[] = [];
  let fault: unknown;
  try {
    for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (thrown) {
    fault = thrown;
  }
  return { bytes: Buffer.concat(chunks), fault };
}

const lie = test.macro({
  async exec(t, change: (content: Buffer) => Buffer, code: string) {
    for (const { digest } of [images[0]?.manifest, images[1]?.config, images[2]?.layers[0]] as Descriptor[]) {
      const lying = new Map(blobs).set(digest, change(Buffer.from(blobs.get(digest) ?? '')));
      const { bytes, fault } = await drain(emitArchive(plan, { name: 'images', openBlob: opener(lying) }));
      t.like(fault, { code });
      t.regex((fault as Error).message, new RegExp(`images: blob ${digest}`));
      t.false(bytes.includes('index.json'));
      t.false(bytes.includes('manifest.json'));
    }
  },
  title: (what) => `a blob that is ${what} ends the stream before the commit record`,
});
test('changed in its first byte', lie, flip(0), 'E_DIGEST_MISMATCH');
test('changed in its last byte', lie, flip(-1), 'E_DIGEST_MISMATCH');
test('short by one byte', lie, (content) => content.subarray(0, -1), 'E_SIZE_MISMATCH');
test('empty', lie, () => Buffer.alloc(0), 'E_SIZE_MISMATCH');
test('long by one byte', lie, (content) => Buffer.concat([content, Buffer.alloc(1)]), 'E_SIZE_MISMATCH');

function flip(at: number): (content: Buffer) => Buffer {
  return (content) => {
    const place = at < 0 ? content.length + at : at;
    content.writeUInt8(content.readUInt8(place) ^ 1, place);
    return content;
  };
}

test('of a layer that is not what its image promises the last bytes never leave, so that no engine can keep it', async (t) => {
  const [layer] = images[0]?.layers ?? [];
  if (layer === undefined) return t.fail();
  const [content = Buffer.alloc(0), other = layer.digest] = [
    blobs.get(layer.digest),
    images[1]?.config.digest,
  ];
  const readWith = (diffId: Digest) =>
    drain(
      emitArchive(plan, {
        name: 'images',
        openBlob: opener(blobs),
        promised: new Map([[layer.digest, [diffId]]]),
      }),
    );
  const good = await readWith(layer.diffId);
  t.is(good.fault, undefined);
  t.true(good.bytes.includes(content));
  const lying = await readWith(other);
  t.like(lying.fault, { code: 'E_IMAGE_MALFORMED' });
  t.false(lying.bytes.includes(content));
});

test('a source that cannot be opened ends the stream with its own fault', async (t) => {
  const broken = new Error('no such blob');
  const { fault } = await drain(emitArchive(plan, { name: 'x', openBlob: () => Promise.reject(broken) }));
  t.is(fault, broken);
});

test('a source that breaks off ends the stream with its own fault', async (t) => {
  const broken = new Error('connection lost');
  const openBlob = (): Promise<Readable> =>
    Promise.resolve(
      new Readable({
        read() {
          this.destroy(broken);
        },
      }),
    );
  const { fault } = await drain(emitArchive(plan, { name: 'x', openBlob }));
  t.is(fault, broken);
});

test('bytes of blobs are counted up to their sum', async (t) => {
  const counts: number[] = [];
  const onBytes = (bytes: number): void => void counts.push(bytes);
  await drain(emitArchive(plan, { name: 'x', openBlob: opener(blobs), onBytes }));
  t.is(
    counts.at(-1),
    [...blobs.values()].reduce((sum, { length }) => sum + length, 0),
  );
  t.deepEqual(
    counts,
    [...counts].sort((a, b) => a - b),
  );
});

/** An archive whose first blob never comes, once that blob has been asked for. */
async function hanging(
  signal?: AbortSignal,
): Promise<{ archive: Readable; source: Readable; stop: AbortSignal }> {
  let opened: (value: [Readable, AbortSignal]) => void;
  const opening = new Promise<[Readable, AbortSignal]>((resolve) => (opened = resolve));
  const openBlob = (_blob: Descriptor, stop: AbortSignal): Promise<Readable> => {
    const source = new Readable({ read: () => undefined });
    opened([source, stop]);
    return Promise.resolve(source);
  };
  const archive = emitArchive(plan, { name: 'x', openBlob, ...(signal === undefined ? {} : { signal }) });
  archive.on('error', () => undefined).resume();
  const [source, stop] = await opening;
  return { archive, source, stop };
}

test('when the receiver leaves, a source that hangs is closed', async (t) => {
  const { archive, source, stop } = await hanging();
  archive.destroy();
  await once(source, 'close').catch(() => undefined);
  t.true(source.destroyed);
  t.true(stop.aborted);
});

test('an abort ends the stream and closes a source that hangs', async (t) => {
  const controller = new AbortController();
  const { archive, source } = await hanging(controller.signal);
  controller.abort();
  if (!source.closed) await once(source, 'close').catch(() => undefined);
  t.true(source.destroyed);
  t.is(archive.errored?.name, 'AbortError');
});

test('whoever counts the time of the receiver is told when it is the source that is waited for', async (t) => {
  let waits = 0;
  const during = async <T>(work: Promise<T>): Promise<T> => {
    waits += 1;
    return work.finally(() => (waits -= 1));
  };
  let isOpen = (): void => undefined;
  const opened = new Promise<void>((resolve) => (isOpen = resolve));
  const openBlob = async (blob: Descriptor): Promise<Readable> => {
    await opened;
    return opener(blobs)(blob);
  };
  const archive = emitArchive(plan, { name: 'x', openBlob, during });
  archive.resume();
  while (waits === 0) await turn();
  isOpen();
  await once(archive, 'end');
  t.is(waits, 0);
});
