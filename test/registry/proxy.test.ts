import test from 'ava';
import { collect } from '../../src/core/collect.ts';
import { readProxyVariables } from '../../src/core/proxy.ts';
import { parseReference } from '../../src/core/reference.ts';
import { startProxy } from '../helpers/connect-proxy.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script } from '../helpers/registry-scripted.ts';
import { TokenGuard } from '../helpers/registry-tokens.ts';

const content = new MemoryContent().image('a/b', '1', sampleImage());
const honest: Script = async (request, response) => serveFrom(content, request, response);
/** Hosts that exist only behind the proxy. */
const [registry, storage] = ['registry.invalid:5000', 'storage.invalid'];
const certificate = makeCertificate({ host: 'registry.invalid' });
const https = new Map([[registry, { ca: certificate.pem }]]);
const reference = parseReference(`${registry}/a/b:1`);

test('proxy: HTTPS goes through a tunnel, with the account of the proxy', async (t) => {
  const server = await scripted(t, honest, certificate);
  const proxy = await startProxy(t, server.host, { account: 'me:s3cr3t' });
  const settings = readProxyVariables({ HTTPS_PROXY: `http://me:s3cr3t@${proxy.host}` });
  const source = sourceFor(t, { registries: https, proxy: settings });
  const locked = await source.resolve(reference, amd64);
  t.is(locked.layers.length, 2);
  t.true(
    proxy.asked.every((asked) => asked === `CONNECT ${registry}`),
    proxy.asked.join(),
  );
  t.false(JSON.stringify(server.seen).includes('proxy-authorization'), 'the registry does not learn it');
});

test('proxy: plain HTTP is forwarded, without a tunnel that proxies refuse for it', async (t) => {
  const server = await scripted(t, honest);
  const proxy = await startProxy(t, server.host, { account: 'me:s3cr3t' });
  const settings = readProxyVariables({ HTTP_PROXY: `me:s3cr3t@${proxy.host}` });
  const registries = new Map([[registry, { plainHttp: true }]]);
  await sourceFor(t, { registries, proxy: settings }).resolve(reference, amd64);
  t.true(
    proxy.asked.every((asked) => asked.startsWith(`GET http://${registry}/v2/a/b/`)),
    proxy.asked.join(),
  );
  t.is(server.seen[0]?.headers.host, registry);
});

test('proxy: token services and storage hosts are reached through it, too', async (t) => {
  const guard = new TokenGuard({ realm: `http://tokens.invalid/token` });
  const guarded = guard.script(honest);
  const server = await scripted(t, async (request, response, before) => {
    if (request.headers.host === storage) await honest(request, response, before);
    else if (request.path.includes('/blobs/') && request.authorization !== undefined)
      response.writeHead(307, { location: `http://${storage}${request.path}` }).end();
    else await guarded(request, response, before);
  });
  const proxy = await startProxy(t, server.host);
  const registries = new Map([[registry, { plainHttp: true }]]);
  const source = sourceFor(t, { registries, proxy: readProxyVariables({ HTTP_PROXY: proxy.host }) });
  await source.resolve(reference, amd64);
  const hosts = new Set(proxy.asked.map((asked) => new URL(asked.slice(4)).host));
  t.deepEqual([...hosts].sort(), [registry, storage, 'tokens.invalid']);
});

test('proxy: one that wants to know who asks, without a word of the account', async (t) => {
  const server = await scripted(t, honest, certificate);
  const proxy = await startProxy(t, server.host, { account: 'me:right' });
  for (const [registries, variable] of [
    [https, 'HTTPS_PROXY'],
    [new Map([[registry, { plainHttp: true }]]), 'HTTP_PROXY'],
  ] as const) {
    const settings = readProxyVariables({ [variable]: `http://me:s3cr3t@${proxy.host}` });
    const source = sourceFor(t, { registries, proxy: settings });
    const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
    t.regex(error.message, new RegExp(`the proxy ${proxy.host} answers 407`));
    t.regex(error.hint ?? '', /HTTPS_PROXY/);
    const shown = `${error.message}${error.hint ?? ''}${error.stack ?? ''}${String(error.cause)}`;
    t.false(/s3cr3t|bWU6/.test(shown), shown);
  }
});

test('proxy: one that cannot reach the registry is asked again, then named', async (t) => {
  const proxy = await startProxy(t, '127.0.0.1:1', { status: 503 });
  const settings = readProxyVariables({ HTTPS_PROXY: proxy.host });
  const source = sourceFor(t, { registries: https, proxy: settings, retries: 2 });
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
  t.regex(error.message, new RegExp(`the proxy ${proxy.host} answers 503`));
  t.is(proxy.asked.length, 3);
});

test('proxy: one that is not there is named, not the registry alone', async (t) => {
  const settings = readProxyVariables({ HTTPS_PROXY: '127.0.0.1:1' });
  const source = sourceFor(t, { registries: https, proxy: settings });
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
  t.regex(error.message, /through the proxy 127\.0\.0\.1:1/);
  t.regex(error.hint ?? '', /HTTPS_PROXY.*NO_PROXY/, 'what to look at is the proxy');
});

test('proxy: a registry on this machine is reached directly', async (t) => {
  const server = await scripted(t, honest);
  const source = sourceFor(t, { proxy: readProxyVariables({ HTTP_PROXY: '127.0.0.1:1' }) });
  await t.notThrowsAsync(source.resolve(parseReference(`${server.host}/a/b:1`), amd64));
});

test('proxy: connections to one host stay bounded behind it', async (t) => {
  const server = await scripted(t, honest, certificate);
  const proxy = await startProxy(t, server.host);
  const settings = readProxyVariables({ HTTPS_PROXY: proxy.host });
  const source = sourceFor(t, { registries: https, proxy: settings, connectionsPerHost: 2 });
  const locked = await source.resolve(reference, amd64);
  const blobs = Array.from({ length: 12 }, (_, at) => locked.layers[at % locked.layers.length]);
  await Promise.all(
    blobs.map(async (blob) => {
      if (blob === undefined) return;
      await collect(await source.openBlob(locked, blob), 1024 * 1024, 'blob');
    }),
  );
  t.true(proxy.mostTunnels() <= 2, String(proxy.mostTunnels()));
});
