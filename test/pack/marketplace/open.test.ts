import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { openMarketplace } from '../../../src/pack/marketplace/marketplace.ts';
import type { MarketplaceOptions } from '../../../src/pack/marketplace/options.ts';
import { indexOf, openFrom, serveFiles, type Answerer } from '../../helpers/marketplace-server.ts';
import { zipOf, type ZipMember } from '../../helpers/marketplace-zip.ts';
import { errorOf, folderWith } from '../../helpers/pack-folder.ts';

const ferry = { id: 'Ferry', name: 'Ferry Lines', currentVersion: '1.2.3' };

/** Every file below a folder, hidden ones too. */
async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

test('the index tells of packs, in stored and deflated members', async (t) => {
  const stored = {
    name: 'index/Quay/metadata.json',
    content: '{"id": "Quay", "currentVersion": "2.0.0"}',
    stored: true,
  };
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry], [stored]) });
  const { marketplace, events } = await openFrom(t, server);
  const { packs } = marketplace.index;
  t.deepEqual([...packs.keys()], ['Ferry', 'Quay']);
  t.like(packs.get('Ferry'), { name: 'Ferry Lines', version: '1.2.3', hidden: false, deprecated: false });
  t.is(packs.get('Quay')?.name, 'Quay');
  t.deepEqual(server.seen, ['GET /content/packs/index.zip']);
  t.is(events.at(-1)?.type, 'done');
});

test('missing keys and nulls are no mistakes', async (t) => {
  const bare = { id: 'Bare', name: 'Bare', dependencies: null, hidden: null };
  const odd = { id: 'Odd', dependencies: { Ferry: null, Quay: { mandatory: null, minVersion: null } } };
  const server = await serveFiles(t, { 'index.zip': indexOf([bare, odd]) });
  const { marketplace } = await openFrom(t, server);
  t.deepEqual(marketplace.index.packs.get('Bare')?.dependencies, []);
  t.deepEqual(marketplace.index.packs.get('Odd')?.dependencies, [
    { id: 'Ferry', mandatory: true, minVersion: undefined },
    { id: 'Quay', mandatory: true, minVersion: undefined },
  ]);
});

test('index.json tells the revision and which packs are paid for', async (t) => {
  const state = {
    revision: '1972',
    modified: '2021-01-10T08:21:52Z',
    packs: [
      { id: 'Paid', price: 10, vendorId: 'A_id', vendorName: 'A', contentCommitHash: '111' },
      { id: 'Free', price: 0 },
    ],
    commit: '',
  };
  const member = { name: 'index/index.json', content: JSON.stringify(state) };
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry], [member]) });
  const { marketplace } = await openFrom(t, server);
  t.deepEqual(marketplace.index.state, { revision: '1972', paid: new Set(['Paid']) });
});

const brokenPack = test.macro({
  async exec(t, id: string, content: string) {
    const member = { name: `index/${id}/metadata.json`, content };
    const server = await serveFiles(t, { 'index.zip': indexOf([ferry], [member]) });
    const { marketplace } = await openFrom(t, server);
    t.deepEqual([...marketplace.index.packs.keys()], ['Ferry']);
    t.is(marketplace.index.faults.get(id)?.code, 'E_PACK_INVALID');
  },
  title: (title) => `one broken pack does not hide the others: ${title ?? ''}`,
});

test('no JSON', brokenPack, 'Broken', '{');
test('a key twice', brokenPack, 'Broken', '{"currentVersion": "1.0.0", "CurrentVersion": "2.0.0"}');
test('no version', brokenPack, 'Broken', '{"id": "Broken"}');
test('another id', brokenPack, 'Broken', '{"id": "Other", "currentVersion": "1.0.0"}');
test('an id that hides a folder', brokenPack, '.hidden', '{"currentVersion": "1.0.0"}');

test('the server has the same index still: it is not downloaded again', async (t) => {
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const { cacheDir } = await openFrom(t, server);
  const { marketplace, events } = await openFrom(t, server, { cacheDir });
  t.is(marketplace.index.packs.size, 1);
  t.deepEqual(
    events.map(({ type }) => type),
    ['started', 'skipped'],
  );
});

test('the server has another index: it takes the place of the old one', async (t) => {
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const { cacheDir } = await openFrom(t, server);
  server.files.set('index.zip', indexOf([{ ...ferry, currentVersion: '1.2.4' }]));
  const { marketplace } = await openFrom(t, server, { cacheDir });
  t.is(marketplace.index.packs.get('Ferry')?.version, '1.2.4');
});

test('a damaged index in the cache is downloaded anew', async (t) => {
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const { cacheDir, marketplace: first } = await openFrom(t, server);
  const file = path.join(first.folder, 'index.zip');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, -1));
  const { marketplace } = await openFrom(t, server, { cacheDir });
  t.is(marketplace.index.packs.size, 1);
  t.deepEqual(await readFile(file), bytes);
});

test('two marketplaces share no cache', async (t) => {
  const one = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const two = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const { cacheDir, marketplace } = await openFrom(t, one);
  t.not((await openFrom(t, two, { cacheDir })).marketplace.folder, marketplace.folder);
});

/** Opening fails with this code, and leaves nothing behind. */
async function refused(
  t: ExecutionContext,
  code: ErrorCode,
  served: Buffer | Answerer,
  options: Partial<MarketplaceOptions> = {},
): Promise<readonly string[]> {
  const server = await (Buffer.isBuffer(served)
    ? serveFiles(t, { 'index.zip': served })
    : serveFiles(t, {}, served));
  const cacheDir = await folderWith(t, {});
  await errorOf(t, code, () => openFrom(t, server, { ...options, cacheDir }));
  t.deepEqual(await filesIn(cacheDir), []);
  return server.seen;
}

const notServed = test.macro({
  async exec(t, code: ErrorCode, served: Buffer | Answerer) {
    await refused(t, code, served);
  },
  title: (title) => `no index: ${title ?? ''}`,
});

/** Answers every request with this status and these words. */
function says(status: number, text: string): Answerer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(text);
    return true;
  };
}

const page = '<!doctype html><title>Log in</title>';
test('a page with status 200', notServed, 'E_SOURCE_PROTOCOL', says(200, page));
test('a page with status 404', notServed, 'E_SOURCE_PROTOCOL', says(404, page));
test('a page with status 403', notServed, 'E_SOURCE_DENIED', says(403, page));
test('a page with status 500', notServed, 'E_SOURCE_UNREACHABLE', says(500, page));
test('a part with status 206', notServed, 'E_SOURCE_PROTOCOL', says(206, page));
test('304, though nothing is in the cache', notServed, 'E_SOURCE_PROTOCOL', says(304, ''));
test('nothing with status 200', notServed, 'E_SOURCE_PROTOCOL', says(200, ''));
test('an empty zip', notServed, 'E_SOURCE_PROTOCOL', zipOf([]));
test('a cut-off zip', notServed, 'E_SOURCE_PROTOCOL', indexOf([ferry]).subarray(0, -30));

test('a body that ends too early', notServed, 'E_SOURCE_UNREACHABLE', (_request, response) => {
  const whole = indexOf([ferry]);
  response.writeHead(200, { 'content-length': whole.length });
  response.write(whole.subarray(0, 50), () => response.destroy());
  return true;
});

test('a size over the limit is not even begun', notServed, 'E_LIMIT_EXCEEDED', (_request, response) => {
  response.writeHead(200, { 'content-length': 2 ** 40 });
  response.flushHeaders();
  return true;
});

const metadata: ZipMember = { name: 'index/Ferry/metadata.json', content: '{"currentVersion": "1.0.0"}' };
const bomb: ZipMember = { name: 'index/Bomb/metadata.json', content: Buffer.alloc(70 * 1024 * 1024, 0x20) };
const large: ZipMember = { name: 'index/Large/metadata.json', content: Buffer.alloc(9 * 1024 * 1024, 0x20) };

test('a zip bomb', notServed, 'E_LIMIT_EXCEEDED', zipOf([bomb]));
test(
  'a zip bomb that hides its size',
  notServed,
  'E_SOURCE_PROTOCOL',
  zipOf([{ ...bomb, claims: { size: 10 } }]),
);
test('metadata over the limit', notServed, 'E_LIMIT_EXCEEDED', zipOf([large]));
test('a wrong checksum', notServed, 'E_SOURCE_PROTOCOL', zipOf([{ ...metadata, claims: { crc: 1 } }]));
test('a member twice', notServed, 'E_SOURCE_PROTOCOL', zipOf([metadata, metadata]));
test(
  'a member that leads out',
  notServed,
  'E_SOURCE_PROTOCOL',
  zipOf([metadata, { name: '../x', content: '' }]),
);
test('an absolute member', notServed, 'E_SOURCE_PROTOCOL', zipOf([metadata, { name: '/x', content: '' }]));

test('a server that stalls before it answers', async (t) => {
  await refused(t, 'E_SOURCE_UNREACHABLE', () => true, { timeouts: { headers: 100 } });
});

test('a server that stalls inside the body', async (t) => {
  const stall: Answerer = (_request, response) => {
    response.writeHead(200, { 'content-length': 1000 }).write('PK');
    return true;
  };
  await refused(t, 'E_SOURCE_UNREACHABLE', stall, { timeouts: { body: 100 } });
});

test('an abort ends the wait for an answer', async (t) => {
  const stop = new AbortController();
  const stall: Answerer = () => {
    stop.abort();
    return true;
  };
  t.is((await refused(t, 'E_INTERRUPTED', stall, { signal: stop.signal })).length, 1);
});

test('an abort ends the wait between two tries', async (t) => {
  const stop = new AbortController();
  const busy: Answerer = (_request, response) => {
    response.writeHead(503, { 'retry-after': '60' }).end();
    response.on('finish', () => setImmediate(() => stop.abort()));
    return true;
  };
  await refused(t, 'E_INTERRUPTED', busy, { signal: stop.signal, retries: 5 });
});

test('nobody listens', async (t) => {
  const cacheDir = await folderWith(t, {});
  await errorOf(t, 'E_SOURCE_UNREACHABLE', () => openFrom(t, { url: 'http://127.0.0.1:1' }, { cacheDir }));
});

const passes = test.macro({
  async exec(t, failure: Answerer) {
    const whole = indexOf([ferry]);
    const server = await serveFiles(t, { 'index.zip': whole }, (request, response, before) =>
      before < 2 ? failure(request, response, before) : false,
    );
    const { marketplace } = await openFrom(t, server, { retries: 2 });
    t.is(marketplace.index.packs.size, 1);
    t.is(server.seen.length, 3);
  },
  title: (title) => `tried again: ${title ?? ''}`,
});

test('after a 503', passes, says(503, page));
test('after a 429 that asks for a moment', passes, (_request, response) => {
  response.writeHead(429, { 'retry-after': '0' }).end();
  return true;
});
test('after a cut connection', passes, (_request, response) => {
  response.destroy();
  return true;
});
test('after a body that ends too early', passes, (_request, response) => {
  response.writeHead(200, { 'content-length': 5000 });
  response.write('PK', () => response.destroy());
  return true;
});

test('a server that asks for more patience than we have is reported at once', async (t) => {
  const busy: Answerer = (_request, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end();
    return true;
  };
  t.is((await refused(t, 'E_RATE_LIMITED', busy, { retries: 5 })).length, 1);
});

test('a wait that the server asks for is told, with its end; --max-wait bounds it', async (t) => {
  const server = await serveFiles(t, { 'index.zip': indexOf([ferry]) }, (_request, response, before) => {
    if (before > 0) return false;
    response.writeHead(503, { 'retry-after': '3' }).end();
    return true;
  });
  const { events } = await openFrom(t, server, { retries: 2 });
  const waits = events.filter(({ type }) => type === 'waiting');
  t.is(waits.length, 1);
  t.like(waits[0], { milliseconds: 3000 });
  const seen = await refused(
    t,
    'E_SOURCE_UNREACHABLE',
    (_request, response) => {
      response.writeHead(503, { 'retry-after': '3' }).end();
      return true;
    },
    { retries: 5, maxWait: 2000 },
  );
  t.is(seen.length, 1);
});

test('a redirect to another host', async (t) => {
  const storage = await serveFiles(t, { 'index.zip': indexOf([ferry]) });
  const server = await serveFiles(t, {}, (request, response) => {
    response.writeHead(302, { location: `${storage.origin}${request.url ?? ''}` }).end();
    return true;
  });
  const { marketplace } = await openFrom(t, server);
  t.is(marketplace.index.packs.size, 1);
  t.is(storage.seen.length, 1);
});

test('a redirect in a circle', notServed, 'E_SOURCE_PROTOCOL', (_request, response) => {
  response.writeHead(302, { location: '/content/packs/index.zip' }).end();
  return true;
});

const noAddress = test.macro({
  async exec(t, baseUrl: string) {
    const error = await errorOf(t, 'E_ENDPOINT_INVALID', () =>
      openMarketplace({ baseUrl, cacheDir: '/nowhere' }),
    );
    t.false(error.message.includes('secret'));
  },
  title: (title) => `no address of a marketplace: ${title ?? ''}`,
});

test('a path', noAddress, './packs');
test('another protocol', noAddress, 'ftp://packs.example/content');
test('a password', noAddress, 'https://user:secret@packs.example/content');
test('a query', noAddress, 'https://packs.example/content?a=b');
