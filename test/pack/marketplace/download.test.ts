import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { downloadPack, downloadPacks } from '../../../src/pack/marketplace/download.ts';
import {
  indexOf,
  openFrom,
  packZip,
  serveFiles,
  type Answerer,
  type MarketplaceServer,
  type Opened,
} from '../../helpers/marketplace-server.ts';
import { zipOf } from '../../helpers/marketplace-zip.ts';
import { errorOf } from '../../helpers/pack-folder.ts';

const ferry = { id: 'Ferry', currentVersion: '1.2.3' };
const key = { id: 'Ferry', version: '1.2.3' };
const place = 'Ferry/1.2.3/Ferry.zip';
const state = { name: 'index/index.json', content: '{"packs": [{"id": "Paid", "price": 10}]}' };
const index = indexOf([ferry, { id: 'Quay' }, { id: 'Paid' }], [state]);

async function open(
  t: ExecutionContext,
  files: Readonly<Record<string, Buffer>>,
  instead?: Answerer,
): Promise<Opened & { server: MarketplaceServer }> {
  const server = await serveFiles(t, { 'index.zip': index, ...files }, instead);
  return { ...(await openFrom(t, server)), server };
}

/** What was told about packs: the types of the events, without repeated progress. */
function told({ events }: Opened, item: string): string[] {
  const types = events.flatMap((event) => ('item' in event && event.item === item ? [event.type] : []));
  return types.filter((type, at) => type !== types[at - 1]);
}

test('download: a pack', async (t) => {
  const opened = await open(t, { [place]: packZip(ferry) });
  const got = await downloadPack(opened.marketplace, key);
  t.like(got, key);
  t.true(got.zip.startsWith(opened.cacheDir + path.sep));
  t.deepEqual(await readFile(got.zip), packZip(ferry));
  t.deepEqual(await readdir(path.dirname(got.zip)), ['Ferry.zip']);
  t.deepEqual(told(opened, 'Ferry'), ['started', 'progress', 'done']);
});

test('download: a pack that is in the cache', async (t) => {
  const opened = await open(t, { [place]: packZip(ferry) });
  const first = await downloadPack(opened.marketplace, key);
  const requests = opened.server.seen.length;
  t.deepEqual(await downloadPack(opened.marketplace, key), first);
  t.is(opened.server.seen.length, requests);
  t.is(told(opened, 'Ferry').at(-1), 'skipped');
});

const heals = test.macro({
  async exec(t, damaged: Buffer) {
    const opened = await open(t, { [place]: packZip(ferry) });
    const { zip } = await downloadPack(opened.marketplace, key);
    await writeFile(zip, damaged);
    await downloadPack(opened.marketplace, key);
    t.deepEqual(await readFile(zip), packZip(ferry));
  },
  title: (title) => `the cache is not trusted: ${title ?? ''}`,
});

test('a cut-off pack', heals, packZip(ferry).subarray(0, -5));
test('a changed byte', heals, packZip(ferry).fill(0, 60, 61));
test('another version', heals, packZip({ ...ferry, currentVersion: '1.2.2' }));
test('no zip', heals, Buffer.from('<html></html>'));

const fails = test.macro({
  async exec(t, code: ErrorCode, served: Buffer | Answerer, word?: RegExp) {
    const instead: Answerer = (request, response, before) =>
      typeof served === 'function' && request.url?.endsWith('/Ferry.zip') === true
        ? served(request, response, before)
        : false;
    const opened = await open(t, Buffer.isBuffer(served) ? { [place]: served } : {}, instead);
    const error = await errorOf(t, code, () => downloadPack(opened.marketplace, key));
    t.regex(`${error.message} ${error.hint ?? ''}`, word ?? /Ferry/);
    t.is(told(opened, 'Ferry').at(-1), 'failed');
    t.deepEqual(await readdir(path.join(opened.marketplace.folder, 'Ferry', '1.2.3')), []);
  },
  title: (title) => `no pack: ${title ?? ''}`,
});

function says(status: number, text: string): Answerer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(text);
    return true;
  };
}

test('a page with status 200', fails, 'E_SOURCE_PROTOCOL', says(200, '<html>PK</html>'));
test('a page with status 404', fails, 'E_PACK_NOT_FOUND', says(404, '<html></html>'));
test('a refusal', fails, 'E_PACK_NOT_FOUND', says(403, '<Error/>'));
test('a fault of the server', fails, 'E_SOURCE_UNREACHABLE', says(502, ''));
test('another pack', fails, 'E_PACK_INVALID', packZip({ ...ferry, id: 'Quay' }), /Quay 1\.2\.3/);
test(
  'another version of it',
  fails,
  'E_PACK_INVALID',
  packZip({ ...ferry, currentVersion: '1.2.4' }),
  /1\.2\.4/,
);
test('an id in other capitals', fails, 'E_PACK_INVALID', packZip({ ...ferry, id: 'ferry' }));
test('no metadata', fails, 'E_PACK_INVALID', zipOf([{ name: 'README.md', content: 'x' }]), /metadata\.json/);
test('broken metadata', fails, 'E_PACK_INVALID', zipOf([{ name: 'metadata.json', content: '{' }]));
test('a damaged member', fails, 'E_SOURCE_PROTOCOL', packZip(ferry).fill(0, 60, 61));
test(
  'a wrong checksum somewhere in it',
  fails,
  'E_SOURCE_PROTOCOL',
  zipOf([
    { name: 'metadata.json', content: JSON.stringify(ferry) },
    { name: 'README.md', content: 'x', claims: { crc: 1 } },
  ]),
  /README\.md/,
);
test(
  'a zip bomb',
  fails,
  'E_LIMIT_EXCEEDED',
  zipOf([
    { name: 'metadata.json', content: JSON.stringify(ferry) },
    { name: 'README.md', content: Buffer.alloc(70 * 1024 * 1024) },
  ]),
);
test('a body that ends too early', fails, 'E_SOURCE_UNREACHABLE', (_request, response) => {
  response.writeHead(200, { 'content-length': 1000 });
  response.write('PK', () => response.destroy());
  return true;
});

test('a paid pack: the hint says so', async (t) => {
  const { marketplace } = await open(t, {});
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () =>
    downloadPack(marketplace, { id: 'Paid', version: '1.0.0' }),
  );
  t.regex(error.hint ?? '', /costs/);
});

const unsafe = test.macro({
  async exec(t, id: string, version: string) {
    const { marketplace, server } = await open(t, {});
    await errorOf(t, 'E_PACK_INVALID', () => downloadPack(marketplace, { id, version }));
    t.is(server.seen.length, 1);
  },
  title: (title) => `nothing is asked for: ${title ?? ''}`,
});

test('an id that leads out', unsafe, '..', '1.0.0');
test('an id with a slash', unsafe, 'a/b', '1.0.0');
test('a version that leads out', unsafe, 'Ferry', '..');
test('a version with a query', unsafe, 'Ferry', '1.0.0?a=b');

test('several: all come', async (t) => {
  const opened = await open(t, { [place]: packZip(ferry), 'Quay/1.0.0/Quay.zip': packZip({ id: 'Quay' }) });
  const got = await downloadPacks(opened.marketplace, [key, { id: 'Quay', version: '1.0.0' }]);
  t.deepEqual(
    got.map(({ id }) => id),
    ['Ferry', 'Quay'],
  );
});

test('several: every failure is told, and the others come', async (t) => {
  const opened = await open(t, { [place]: packZip(ferry) });
  const wanted = [{ id: 'Quay', version: '1.0.0' }, key, { id: 'Quay', version: '2.0.0' }];
  const error = await errorOf(t, 'E_PACK_NOT_FOUND', () => downloadPacks(opened.marketplace, wanted));
  t.is(error.errors.length, 2);
  t.is(told(opened, 'Ferry').at(-1), 'done');
});

test('several: as many at once as wanted, and no more', async (t) => {
  const ids = ['A', 'B', 'C', 'D'];
  const waiting: (() => void)[] = [];
  let most = 0;
  const server = await serveFiles(t, { 'index.zip': index }, (request, response) => {
    const id = /\/([A-D])\.zip$/.exec(request.url ?? '')?.[1];
    if (id === undefined) return false;
    waiting.push(() => response.end(packZip({ id })));
    most = Math.max(most, waiting.length);
    // Nobody gets an answer before two have asked.
    if (waiting.length === 2) for (const answer of waiting.splice(0)) answer();
    return true;
  });
  const { marketplace } = await openFrom(t, server, { concurrency: 2 });
  await downloadPacks(
    marketplace,
    ids.map((id) => ({ id, version: '1.0.0' })),
  );
  t.is(most, 2);
});

test('the bytes that are told never fall, even when a try fails', async (t) => {
  const whole = packZip(ferry);
  const server = await serveFiles(t, { 'index.zip': index, [place]: whole }, (request, response, before) => {
    if (request.url?.endsWith('/Ferry.zip') !== true || before > 0) return false;
    response.writeHead(200, { 'content-length': whole.length });
    response.write(whole.subarray(0, whole.length - 1), () => response.destroy());
    return true;
  });
  const { marketplace, events } = await openFrom(t, server, { retries: 1 });
  await downloadPack(marketplace, key);
  const bytes = events.flatMap((event) =>
    event.type === 'progress' && event.item === 'Ferry' ? [event.bytes] : [],
  );
  t.deepEqual(
    bytes,
    [...bytes].sort((a, b) => a - b),
  );
  t.is(bytes.at(-1), whole.length);
});

test('an abort stops a download and leaves nothing behind', async (t) => {
  const stop = new AbortController();
  const server = await serveFiles(t, { 'index.zip': index }, (request, response) => {
    if (request.url?.endsWith('/Ferry.zip') !== true) return false;
    response.writeHead(200, { 'content-length': 1000 });
    response.write('PK', () => stop.abort());
    return true;
  });
  const { marketplace } = await openFrom(t, server, { signal: stop.signal });
  await t.throwsAsync(downloadPack(marketplace, key), { any: true });
  t.deepEqual(await readdir(path.join(marketplace.folder, 'Ferry', '1.2.3')), []);
});
