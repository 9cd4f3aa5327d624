import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { Descriptor, LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { parseReference } from '../../src/core/reference.ts';
import { serveContent } from '../../src/registry/server.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { descriptorOf, MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script } from '../helpers/registry-scripted.ts';

const bytes = Buffer.from('0123456789'.repeat(1000));
const blob = descriptorOf(mediaTypes.ociLayer, bytes);

/** An image at a host of which only `blob` matters. */
function imageAt(host: string, source = `registry://${host}`): LockedImage {
  const { manifest } = sampleImage();
  return {
    reference: `${host}/a/b:1`,
    platform: amd64,
    manifest: manifest.descriptor,
    config: blob,
    layers: [],
    source,
  };
}

async function readFrom(
  t: ExecutionContext,
  script: Script,
  from = 0,
  wanted: Descriptor = blob,
): Promise<Buffer> {
  const server = await scripted(t, script);
  const source = sourceFor(t, { timeouts: { body: 1000 } });
  const stream = await source.openBlob(imageAt(server.host), wanted, { from });
  return collect(stream, 1_000_000, 'blob');
}

const content = new MemoryContent().image('a/b', '1', sampleImage()).addBlob(blob.digest, {
  size: bytes.length,
  open: (from = 0, end = bytes.length) => Readable.from([bytes.subarray(from, end)], { objectMode: false }),
});
const honest: Script = async (request, response) => serveFrom(content, request, response);
const ignoresRange: Script = (_request, response) => {
  response.writeHead(200);
  // In pieces, so that the start lies inside one of them.
  response.write(bytes.subarray(0, 3000));
  response.end(bytes.subarray(3000));
};

const reads = test.macro({
  async exec(t, script: Script, from: number) {
    const got = await readFrom(t, script, from);
    t.true(got.equals(bytes.subarray(from)));
  },
  title: (title) => `blob: ${title ?? ''}`,
});

test('from the start', reads, honest, 0);
test('from the middle', reads, honest, 4321);
test('from the last byte', reads, honest, bytes.length - 1);
test('from the end, which no registry need be asked for', reads, honest, bytes.length);
test('from the middle of a registry that ignores ranges', reads, ignoresRange, 4321);

const fails = test.macro<[code: ErrorCode, script: Script, from?: number]>({
  async exec(t, code, script, from = 0) {
    const error = await failure(t, code, async () => readFrom(t, script, from));
    t.true(error.message.includes(blob.digest) && error.message.includes('127.0.0.1'), error.message);
  },
  title: (title) => `blob: ${title ?? ''}`,
});

const part =
  (range: string): Script =>
  (_request, response) => {
    response.writeHead(206, { 'content-range': range }).end(bytes);
  };

test('another range than asked for', fails, 'E_SOURCE_PROTOCOL', part('bytes 0-9999/10000'), 5);
test('a range that ends early', fails, 'E_SOURCE_PROTOCOL', part('bytes 5-99/10000'), 5);
test('a range of other content', fails, 'E_SOURCE_PROTOCOL', part('bytes 5-9999/20000'), 5);
test('a part without range', fails, 'E_SOURCE_PROTOCOL', part(''), 5);
test('data that stops coming', fails, 'E_SOURCE_UNREACHABLE', (_request, response) => {
  response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100));
});
test('a connection that breaks', fails, 'E_SOURCE_UNREACHABLE', (_request, response) => {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, 100), () => response.destroy());
});
test('an unfinished answer of unknown length', fails, 'E_SOURCE_UNREACHABLE', (_request, response) => {
  response.writeHead(200);
  response.write(bytes.subarray(0, 100), () => response.destroy());
});
test('one that is gone', fails, 'E_IMAGE_NOT_FOUND', (_request, response) => {
  response.writeHead(404).end();
});

test('blob: an abort ends the stream', async (t) => {
  const server = await scripted(t, (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100));
  });
  const stop = new AbortController();
  const stream = await sourceFor(t).openBlob(imageAt(server.host), blob, { signal: stop.signal });
  await failure(t, 'E_INTERRUPTED', async () => {
    await stream.forEach(() => {
      stop.abort();
    });
  });
});

test('blob: a stream that nobody reads breaks without ending the process', async (t) => {
  const server = await scripted(t, (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100));
  });
  const stream = await sourceFor(t).openBlob(imageAt(server.host), blob);
  await server.close();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  await failure(t, 'E_SOURCE_UNREACHABLE', async () => collect(stream, 1_000_000, 'blob'));
});

test('blob: closing the source ends its streams', async (t) => {
  const server = await scripted(t, (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100));
  });
  const source = sourceFor(t);
  const stream = await source.openBlob(imageAt(server.host), blob);
  await source.close();
  await failure(t, 'E_SOURCE_UNREACHABLE', async () => collect(stream, 1_000_000, 'blob'));
});

test('blob: destroying the stream cuts the connection', async (t) => {
  let cut: () => void;
  const gone = new Promise<void>((resolve) => (cut = resolve));
  const server = await scripted(t, (_request, response) => {
    response.on('close', () => {
      cut();
    });
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100));
  });
  const stream = await sourceFor(t).openBlob(imageAt(server.host), blob);
  stream.destroy();
  await t.notThrowsAsync(gone);
});

test('blob: manifest and config come from memory after resolving', async (t) => {
  const image = sampleImage();
  const server = await scripted(t, async (request, response) => {
    await serveFrom(new MemoryContent().image('a/b', '1', image), request, response);
  });
  const source = sourceFor(t);
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  const before = server.seen.length;
  const manifest = await collect(await source.openBlob(locked, locked.manifest), 1_000_000, 'manifest');
  const config = await collect(
    await source.openBlob(locked, locked.config, { from: 3 }),
    1_000_000,
    'config',
  );
  t.true(manifest.equals(image.manifest.bytes));
  t.true(config.equals(image.blobs[0]?.subarray(3) ?? Buffer.of()));
  t.is(server.seen.length, before);
});

test('blob: another source fetches a manifest as a manifest', async (t) => {
  const image = sampleImage();
  const server = await scripted(t, async (request, response) => {
    await serveFrom(new MemoryContent().image('a/b', '1', image), request, response);
  });
  const stream = await sourceFor(t).openBlob(imageAt(server.host), image.manifest.descriptor, { from: 10 });
  t.true((await collect(stream, 1_000_000, 'manifest')).equals(image.manifest.bytes.subarray(10)));
});

test('blob: server and client hold no more than buffers of a large blob', async (t) => {
  const chunk = Buffer.alloc(256 * 1024, 7);
  const count = 256;
  let produced = 0;
  function* produce(): Generator<Buffer> {
    for (let made = 0; made < count; made += 1) {
      produced += chunk.length;
      yield chunk;
    }
  }
  const size = chunk.length * count;
  const large = { mediaType: mediaTypes.ociLayer, digest: digestOf('large'), size };
  const server = await serveContent(
    new MemoryContent()
      .image('a/b', '1', sampleImage())
      .addBlob(large.digest, { size, open: () => Readable.from(produce(), { objectMode: false }) }),
    { host: '127.0.0.1', port: 0 },
  );
  t.teardown(async () => server.close());
  const stream = await sourceFor(t).openBlob(imageAt(server.host), large);
  let consumed = 0;
  let ahead = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    consumed += piece.length;
    ahead = Math.max(ahead, produced - consumed);
    // Gives the other side every chance to run ahead.
    await turn();
  }
  t.is(consumed, size);
  t.true(ahead < size / 3, `${ahead} bytes were under way at once`);
});

/** Reads the bytes 2500 to 7500 and tells whether the source would ask for another part. */
const givesPart = test.macro({
  async exec(t, script: Script, splits: boolean) {
    const server = await scripted(t, script);
    const source = sourceFor(t, {});
    const image = imageAt(server.host);
    t.false(source.splits?.(image));
    // A blob that comes whole says whether parts may be asked for.
    await collect(await source.openBlob(image, blob), 1_000_000, 'blob');
    const part = await source.openBlob(image, blob, { from: 2500, to: 7500 });
    t.deepEqual(await collect(part, 1_000_000, 'blob'), bytes.subarray(2500, 7500));
    t.is(source.splits?.(image), splits);
  },
  title: (what) => `a part of a blob: ${what}`,
});
test('a registry that gives parts', givesPart, honest, true);
test(
  'one that sends everything whatever it is asked for: the part is cut out',
  givesPart,
  ignoresRange,
  false,
);
