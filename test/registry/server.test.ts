import { connect } from 'node:net';
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { request } from 'undici';
import { digestOf } from '../../src/core/digest.ts';
import { messageOf, PackferryError } from '../../src/core/errors.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { ServedBlob, ServedContent } from '../../src/core/served.ts';
import { checkAddress, serveContent } from '../../src/registry/server.ts';
import { failure } from '../helpers/registry-context.ts';
import { jsonBytes, MemoryContent, sampleImage } from '../helpers/registry-images.ts';

const image = sampleImage();
const { digest } = image.manifest.descriptor;
const [config = Buffer.of()] = image.blobs;
const configDigest = digestOf(config);

function content(): MemoryContent {
  const all = new MemoryContent().image('other', 'x', image);
  for (const tag of ['2', '10', '1']) all.image('a/b', tag, image);
  return all;
}

async function serve(
  t: ExecutionContext,
  what: ServedContent = content(),
): Promise<{ url: string; faults: unknown[] }> {
  const faults: unknown[] = [];
  const server = await serveContent(what, {
    host: '127.0.0.1',
    port: 0,
    onFault: (fault) => faults.push(fault),
  });
  t.teardown(async () => server.close());
  return { url: server.url, faults };
}

interface Expected {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly code?: string;
}

const answers = test.macro<
  [
    method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    expected: Expected,
    headers?: Record<string, string>,
  ]
>({
  async exec(t, method, path, expected, headers = {}) {
    const { url } = await serve(t);
    const answer = await request(`${url}${path}`, { method, headers });
    const body = Buffer.from(await answer.body.arrayBuffer());
    t.is(answer.statusCode, expected.status);
    for (const [name, value] of Object.entries(expected.headers ?? {}))
      t.is(answer.headers[name], value, name);
    if (expected.body !== undefined) t.is(body.toString('hex'), expected.body.toString('hex'));
    if (expected.code !== undefined) {
      const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
      t.deepEqual(
        errors.map(({ code }) => code),
        [expected.code],
      );
    }
  },
  title: (_title, method, path, expected, headers) =>
    `server: ${method} ${path} ${headers === undefined ? '' : `with ${JSON.stringify(headers)} `}gives ${expected.status}`,
});

const json = (value: unknown): Buffer => jsonBytes(value);
const none = Buffer.of();

test(answers, 'GET', '/v2/', {
  status: 200,
  body: json({}),
  headers: { 'docker-distribution-api-version': 'registry/2.0' },
});
test(answers, 'GET', '/v2', { status: 200 });
test(answers, 'HEAD', '/v2/', { status: 200, body: none });
test(answers, 'GET', '/', { status: 404 });
test(answers, 'GET', '/v1/', { status: 404 });

const manifestHeaders = {
  'content-type': mediaTypes.ociManifest,
  'docker-content-digest': digest,
  'content-length': String(image.manifest.bytes.length),
  etag: `"${digest}"`,
};
const manifest = { status: 200, body: image.manifest.bytes, headers: manifestHeaders };
test(answers, 'GET', '/v2/a/b/manifests/1', manifest);
test(answers, 'GET', `/v2/a/b/manifests/${digest}`, manifest);
test(answers, 'GET', `/v2/a/b/manifests/${digest.replace(':', '%3A')}`, manifest);
test(answers, 'HEAD', '/v2/a/b/manifests/1', { ...manifest, body: none });
test(
  answers,
  'GET',
  '/v2/a/b/manifests/1',
  { status: 304, body: none },
  { 'if-none-match': `W/"x", "${digest}"` },
);
test(answers, 'GET', '/v2/a/b/manifests/3', { status: 404, code: 'MANIFEST_UNKNOWN' });
test(answers, 'GET', '/v2/a/c/manifests/1', { status: 404, code: 'NAME_UNKNOWN' });
test(answers, 'GET', '/v2/A/manifests/1', { status: 400, code: 'NAME_INVALID' });
test(answers, 'GET', '/v2/a%2F..%2F..%2Fetc/manifests/1', { status: 400, code: 'NAME_INVALID' });
test(answers, 'GET', '/v2/a/b/manifests/sha256:x', { status: 400, code: 'DIGEST_INVALID' });
test(answers, 'GET', '/v2/a/b/manifests/-', { status: 404, code: 'MANIFEST_UNKNOWN' });
const sha512 = `sha512:${'0'.repeat(128)}`;
test(answers, 'GET', `/v2/a/b/manifests/${sha512}`, { status: 404, code: 'MANIFEST_UNKNOWN' });
test(answers, 'GET', `/v2/a/b/blobs/${sha512}`, { status: 404, code: 'BLOB_UNKNOWN' });
test(answers, 'GET', '/v2/a/b/manifests/%', { status: 400 });

const noReferrers = {
  status: 200,
  body: jsonBytes({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
  headers: { 'content-type': mediaTypes.ociIndex },
};
test(answers, 'GET', `/v2/a/b/referrers/${digest}`, noReferrers);
test(answers, 'GET', `/v2/a/b/referrers/${digestOf('never seen')}`, noReferrers);
test(answers, 'GET', `/v2/a/b/referrers/${digest}?artifactType=a%2Fb`, {
  ...noReferrers,
  headers: { ...noReferrers.headers, 'oci-filters-applied': 'artifactType' },
});
test(answers, 'GET', '/v2/a/b/referrers/latest', { status: 400, code: 'DIGEST_INVALID' });
test(answers, 'GET', `/v2/a/c/referrers/${digest}`, { status: 404, code: 'NAME_UNKNOWN' });
test(answers, 'GET', `/v2/a/b/constructor/${digest}`, { status: 404, code: 'UNSUPPORTED' });

const blobPath = `/v2/a/b/blobs/${configDigest}`;
const blobHeaders = {
  'docker-content-digest': configDigest,
  etag: `"${configDigest}"`,
  'accept-ranges': 'bytes',
};
test(answers, 'GET', blobPath, {
  status: 200,
  body: config,
  headers: { ...blobHeaders, 'content-length': String(config.length) },
});
test(answers, 'HEAD', blobPath, {
  status: 200,
  body: none,
  headers: { ...blobHeaders, 'content-length': String(config.length) },
});
const part = {
  status: 206,
  body: config.subarray(3, 6),
  headers: { 'content-range': `bytes 3-5/${config.length}`, 'content-length': '3' },
};
test(answers, 'GET', blobPath, part, { range: 'bytes=3-5' });
test(answers, 'GET', blobPath, part, { range: 'bytes=3-5', 'if-range': `"${configDigest}"` });
test(answers, 'GET', blobPath, { status: 200, body: config }, { range: 'bytes=3-5', 'if-range': '"other"' });
test(
  answers,
  'GET',
  blobPath,
  { status: 416, headers: { 'content-range': `bytes */${config.length}` } },
  { range: 'bytes=99999-' },
);
test(answers, 'GET', blobPath, { status: 416 }, { range: 'bytes=5-3' });
test(
  answers,
  'HEAD',
  blobPath,
  { status: 200, headers: { 'content-length': String(config.length) } },
  { range: 'bytes=3-5' },
);
test(answers, 'GET', blobPath, { status: 304, body: none }, { 'if-none-match': `"${configDigest}"` });
test(answers, 'GET', `/v2/a/b/blobs/${digestOf('x')}`, { status: 404, code: 'BLOB_UNKNOWN' });
test(answers, 'GET', '/v2/a/b/blobs/x', { status: 400, code: 'DIGEST_INVALID' });
test(answers, 'GET', '/v2/a/b/blobs/../../../etc/passwd', { status: 404 });

test(answers, 'GET', '/v2/a/b/tags/list', {
  status: 200,
  body: json({ name: 'a/b', tags: ['1', '10', '2'] }),
});
test(answers, 'GET', '/v2/a/b/tags/list?n=2', {
  status: 200,
  body: json({ name: 'a/b', tags: ['1', '10'] }),
  headers: { link: '</v2/a/b/tags/list?n=2&last=10>; rel="next"' },
});
test(answers, 'GET', '/v2/a/b/tags/list?n=2&last=10', {
  status: 200,
  body: json({ name: 'a/b', tags: ['2'] }),
});
test(answers, 'GET', '/v2/a/b/tags/list?n=0', { status: 200, body: json({ name: 'a/b', tags: [] }) });
test(answers, 'GET', '/v2/a/b/tags/list?n=x', { status: 400, code: 'UNSUPPORTED' });
test(answers, 'GET', '/v2/a/c/tags/list', { status: 404, code: 'NAME_UNKNOWN' });
test(answers, 'GET', '/v2/_catalog?n=1', {
  status: 200,
  body: json({ repositories: ['a/b'] }),
  headers: { link: '</v2/_catalog?n=1&last=a%2Fb>; rel="next"' },
});

for (const method of ['PUT', 'PATCH', 'DELETE'] as const)
  test(answers, method, '/v2/a/b/manifests/1', {
    status: 405,
    code: 'UNSUPPORTED',
    headers: { allow: 'GET, HEAD' },
  });
test(answers, 'POST', '/v2/a/b/blobs/uploads/', { status: 405, code: 'UNSUPPORTED' });

const broken = test.macro<[open: () => Readable]>({
  async exec(t, open) {
    const blob: ServedBlob = { size: 100_000, open };
    const { url, faults } = await serve(t, content().addBlob(digestOf('broken'), blob));
    const answer = await request(`${url}/v2/a/b/blobs/${digestOf('broken')}`).catch(() => undefined);
    await t.throwsAsync(async () => {
      if (answer === undefined) throw new Error('cut before the headers');
      await answer.body.arrayBuffer();
    });
    t.is(faults.length, 1);
  },
  title: (title) => `server: content that ${title ?? ''} cuts the connection`,
});

test('breaks', broken, () =>
  Readable.from(
    (function* () {
      yield Buffer.alloc(1000);
      throw new Error('disk');
    })(),
    { objectMode: false },
  ),
);
test('is too short', broken, () => Readable.from([Buffer.alloc(1000)], { objectMode: false }));
test('is too long', broken, () => Readable.from([Buffer.alloc(100_001)], { objectMode: false }));

test('server: content that cannot be looked up is a 500 that tells no details', async (t) => {
  const failing = content();
  failing.manifest = () => Promise.reject(new Error('/secret/path'));
  const { url, faults } = await serve(t, failing);
  const answer = await request(`${url}/v2/a/b/manifests/1`);
  t.is(answer.statusCode, 500);
  t.false((await answer.body.text()).includes('secret'));
  t.is(faults.length, 1);
});

test('server: a client that leaves releases the blob and is no fault', async (t) => {
  let released: () => void;
  const gone = new Promise<void>((resolve) => (released = resolve));
  const open = (): Readable =>
    new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
      destroy(_fault, done) {
        released();
        done(null);
      },
    });
  const { url, faults } = await serve(t, content().addBlob(digestOf('endless'), { size: 2 ** 40, open }));
  const answer = await request(`${url}/v2/a/b/blobs/${digestOf('endless')}`);
  answer.body.on('error', () => undefined).destroy();
  await gone;
  t.deepEqual(faults, []);
});

test('server: an address outside the form of HTTP is refused', async (t) => {
  const { url } = await serve(t);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end('GET ../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  t.regex(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 /);
});

test('server: a port that is taken is told', async (t) => {
  const { url } = await serve(t);
  const port = Number(new URL(url).port);
  const taken = await failure(t, 'E_ENDPOINT_INVALID', async () =>
    serveContent(content(), { host: '127.0.0.1', port }),
  );
  t.is(taken.message, `127.0.0.1:${port}: cannot listen: another program listens there`);
  // RFC 5737: an address of nobody.
  const away = await failure(t, 'E_ENDPOINT_INVALID', () => checkAddress({ host: '192.0.2.1', port }));
  t.is(away.message, `192.0.2.1:${port}: cannot listen: this machine has no such address`);
  await failure(t, 'E_ENDPOINT_INVALID', () => checkAddress({ host: '127.0.0.1', port }));
  await t.notThrowsAsync(checkAddress({ host: '127.0.0.1', port: 0 }));
});

test('server: the signal closes it, connections and all', async (t) => {
  const stop = new AbortController();
  const server = await serveContent(content(), { host: '127.0.0.1', port: 0, signal: stop.signal });
  await (await request(`${server.url}/v2/`)).body.dump();
  stop.abort();
  await server.close();
  await t.throwsAsync(request(`${server.url}/v2/`));
});

test('server: a signal that has aborted starts nothing', async (t) => {
  const options = {
    host: '127.0.0.1',
    port: 0,
    signal: AbortSignal.abort(new PackferryError('E_TERMINATED', 'stop')),
  };
  await failure(t, 'E_TERMINATED', async () => serveContent(content(), options));
});

test('server: IPv6 hosts are written in brackets', async (t) => {
  const shown = await serveContent(content(), { host: '::1', port: 0 }).then(
    async (server) => {
      await server.close();
      return server.host;
    },
    // A machine without IPv6 refuses, and the message names the address in the same form.
    (fault: unknown) => messageOf(fault),
  );
  t.regex(shown, /^\[::1\]:\d+/);
});
