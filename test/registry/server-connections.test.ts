import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { limits } from '../../src/core/limits.ts';
import type { ServedRequest } from '../../src/core/served.ts';
import { serveContent, type ContentServer, type ServeOptions } from '../../src/registry/server.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { sourceFor } from '../helpers/registry-context.ts';
import { get } from '../helpers/serve-process.ts';
import { parseReference } from '../../src/core/reference.ts';
import { defaultPlatform } from '../../src/core/platform.ts';

const image = sampleImage();
const content = (): MemoryContent => new MemoryContent().image('a/b', '1', image);

async function serve(
  t: ExecutionContext,
  options: Partial<ServeOptions> = {},
  what = content(),
): Promise<ContentServer> {
  const server = await serveContent(what, { host: '127.0.0.1', port: 0, ...options });
  t.teardown(() => server.close());
  return server;
}

function dial(t: ExecutionContext, { url }: ContentServer): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  return socket;
}

/** Everything that comes until the other side closes. */
async function answerTo(t: ExecutionContext, server: ContentServer, text: string): Promise<string> {
  const socket = dial(t, server);
  socket.write(text);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

test('HTTP/1.0 gets its answer and the end of the connection', async (t) => {
  const answer = await answerTo(t, await serve(t), 'GET /v2/ HTTP/1.0\r\n\r\n');
  t.regex(answer, /^HTTP\/1\.1 200 /);
  t.true(answer.endsWith('\r\n\r\n{}'));
});

test('one connection takes several requests, sent at once, in their order', async (t) => {
  const one = 'GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n';
  const last = 'GET /v2/a/b/tags/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
  const answer = await answerTo(t, await serve(t), `${one}${one}${last}`);
  t.is(answer.match(/HTTP\/1\.1 200 /g)?.length, 3);
  t.true(answer.endsWith('{"name":"a/b","tags":["1"]}'));
});

test('the whole address in a request, as for a proxy, is understood', async (t) => {
  const answer = await answerTo(
    t,
    await serve(t),
    'GET http://elsewhere.example/v2/a/b/tags/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
  );
  t.true(answer.endsWith('{"name":"a/b","tags":["1"]}'));
});

for (const target of [
  '*',
  'ftp://x/v2/',
  '//v2/',
  '/v2//manifests/1',
  '/v2/a/b/manifests/',
  '/v2/%ff/',
  '/v2/a\0b/tags/list',
]) {
  test(`the odd path ${JSON.stringify(target)} is refused, and the server goes on`, async (t) => {
    const server = await serve(t);
    const answer = await answerTo(
      t,
      server,
      `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    );
    t.regex(answer, /^HTTP\/1\.1 40[04] /);
    t.is((await get(server.url, '/v2/')).status, 200);
  });
}

test('headers over the limit are 431', async (t) => {
  const long = 'x'.repeat(limits.requestHeaders);
  const answer = await answerTo(t, await serve(t), `GET /v2/ HTTP/1.1\r\nhost: x\r\nlong: ${long}\r\n\r\n`);
  t.regex(answer, /^HTTP\/1\.1 431 /);
});

for (const [what, head] of [
  ['is announced', 'content-length: 1000000000'],
  ['comes in chunks', 'transfer-encoding: chunked'],
  ['waits to be asked for', 'content-length: 1000000000\r\nexpect: 100-continue'],
] as const) {
  test(`a body that ${what} is never waited for: 405, and the end of the connection`, async (t) => {
    const text = `PUT /v2/a/b/manifests/1 HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n`;
    const answer = await answerTo(t, await serve(t), text);
    t.regex(answer, /^HTTP\/1\.1 405 /);
    t.regex(answer, /connection: close/i);
  });
}

test('more connections than the limit are refused and told; those that are there go on', async (t) => {
  let refused = 0;
  let told = (): void => undefined;
  const isTold = new Promise<void>((resolve) => (told = resolve));
  const onRefused = (): void => {
    refused += 1;
    told();
  };
  const server = await serve(t, { onRefused });
  const sockets = Array.from({ length: limits.serverConnections }, () => dial(t, server));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const [first, last] = [sockets[0], sockets.at(-1)];
  if (first === undefined || last === undefined) throw new Error('no connection');
  // When this one has its answer, the server has counted those before it, too.
  last.write('GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(last, 'data');
  const surplus = dial(t, server);
  await once(surplus, 'close');
  await isTold;
  t.is(refused, 1);
  first.write('GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = (await once(first, 'data')) as [Buffer];
  t.regex(answer.toString(), /^HTTP\/1\.1 200 /);
});

const account = { name: 'soc', password: 'pass:wörd' };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

for (const [what, authorization, status] of [
  ['no account', undefined, 401],
  ['the account', basic('soc:pass:wörd'), 200],
  ['the account in lower-case scheme', basic('soc:pass:wörd').replace('Basic', 'basic'), 200],
  ['another password', basic('soc:pass'), 401],
  ['another name', basic('root:pass:wörd'), 401],
  ['a part of the password', basic('soc:pass:w'), 401],
  ['another scheme', 'Bearer c29jOnBhc3M6d8O2cmQ=', 401],
  ['an empty account', 'Basic ', 401],
] as const) {
  test(`a guarded server asked with ${what} answers ${status}`, async (t) => {
    const { url } = await serve(t, { account });
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await get(url, '/v2/a/b/tags/list', headers);
    t.is(answer.status, status);
    if (status !== 401) return;
    t.is(answer.headers.get('www-authenticate'), 'Basic realm="packferry", charset="UTF-8"');
    t.like(JSON.parse(answer.bytes.toString()), { errors: [{ code: 'UNAUTHORIZED' }] });
  });
}

test('HTTPS: clients that trust its certificate are served, others see another authority', async (t) => {
  const { pem, key } = makeCertificate();
  const server = await serve(t, { tls: { cert: pem, key } });
  t.regex(server.url, /^https:/);
  const reference = parseReference(`${server.host}/a/b:1`);
  const trusting = sourceFor(t, { registries: new Map([[server.host, { ca: pem, plainHttp: false }]]) });
  t.is(
    (await trusting.resolve(reference, defaultPlatform)).manifest.digest,
    image.manifest.descriptor.digest,
  );
  const other = sourceFor(t, { registries: new Map([[server.host, { plainHttp: false }]]) });
  await t.throwsAsync(other.resolve(reference, defaultPlatform), { code: 'E_SOURCE_UNREACHABLE' });
});

test('plain HTTP to a server that speaks HTTPS harms nobody', async (t) => {
  const { pem, key } = makeCertificate();
  const server = await serve(t, { tls: { cert: pem, key } });
  await answerTo(t, server, 'GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n');
  const socket = dial(t, server);
  await once(socket, 'connect');
  t.pass();
});

/** A blob whose second half comes when the test says so. */
function halting(): { content: MemoryContent; target: string; goOn: () => void; size: number } {
  let goOn = (): void => undefined;
  const going = new Promise<void>((resolve) => (goOn = resolve));
  const half = Buffer.alloc(100_000, 'x');
  const digest = digestOf('halting');
  const open = (): Readable =>
    Readable.from(
      (async function* () {
        yield half;
        // What is held back until more comes is the last piece only.
        yield half;
        await going;
        yield half;
      })(),
      { objectMode: false },
    );
  const blob = { size: 3 * half.length, open };
  return {
    content: content().addBlob(digest, blob),
    target: `/v2/a/b/blobs/${digest}`,
    goOn,
    size: blob.size,
  };
}

test('closing lets a transfer end that is under way; whoever asks meanwhile gets the last answer of the connection', async (t) => {
  const { content: what, target, goOn, size } = halting();
  const requests: ServedRequest[] = [];
  const server = await serve(t, { grace: 60_000, onRequest: (request) => requests.push(request) }, what);
  const answer = await fetch(new URL(target, server.url));
  const closing = server.close();
  const last = await answerTo(t, server, 'GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n');
  t.regex(last, /connection: close/i);
  goOn();
  t.is((await answer.arrayBuffer()).byteLength, size);
  await closing;
  t.true(requests.every(({ complete }) => complete));
  await t.throwsAsync(fetch(server.url));
});

test('closing cuts a transfer that does not end in time, and tells that it broke off', async (t) => {
  const { content: what, target } = halting();
  const requests: ServedRequest[] = [];
  let told = (): void => undefined;
  const isTold = new Promise<void>((resolve) => (told = resolve));
  const onRequest = (request: ServedRequest): void => {
    requests.push(request);
    told();
  };
  const server = await serve(t, { grace: 10, onRequest }, what);
  const answer = await fetch(new URL(target, server.url));
  await server.close();
  await t.throwsAsync(answer.arrayBuffer());
  await isTold;
  t.like(requests[0], { status: 200, complete: false });
});

test('every answer is told: method, target, status, bytes, client and what it calls itself', async (t) => {
  const requests: ServedRequest[] = [];
  const { url } = await serve(t, { onRequest: (request) => requests.push(request) });
  const long = 'x'.repeat(2000);
  await get(url, '/v2/a/b/manifests/1', { 'user-agent': 'docker/28' });
  await fetch(new URL('/v2/a/b/manifests/1', url), { method: 'HEAD' });
  await get(url, `/v2/${long}/tags/list`, { 'user-agent': long });
  t.like(requests[0], {
    method: 'GET',
    target: '/v2/a/b/manifests/1',
    status: 200,
    bytes: image.manifest.bytes.length,
    client: '127.0.0.1',
    userAgent: 'docker/28',
    complete: true,
  });
  t.like(requests[1], { method: 'HEAD', status: 200, bytes: 0, complete: true });
  t.is(requests[2]?.target.length, 500);
  t.is(requests[2]?.userAgent?.length, 500);
});
