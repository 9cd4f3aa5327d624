import test, { type ExecutionContext } from 'ava';
import { readProxyVariables } from '../../../src/core/proxy.ts';
import { startProxy } from '../../helpers/connect-proxy.ts';
import { indexOf, openFrom } from '../../helpers/marketplace-server.ts';
import { makeCertificate } from '../../helpers/registry-certificate.ts';
import { startScripted, type Script, type ScriptedServer } from '../../helpers/registry-scripted.ts';
import { errorOf } from '../../helpers/pack-folder.ts';

const certificate = makeCertificate();

async function start(t: ExecutionContext, script: Script): Promise<ScriptedServer> {
  const server = await startScripted(script, certificate);
  t.teardown(() => server.close());
  return server;
}

const serveIndex: Script = (_request, response) => {
  response.end(indexOf([{ id: 'Ferry' }]));
};

test('TLS: an authority that was named is trusted', async (t) => {
  const { marketplace } = await openFrom(t, await start(t, serveIndex), { ca: certificate.pem });
  t.is(marketplace.index.packs.size, 1);
});

test('TLS: an unknown authority is refused, and at once', async (t) => {
  const server = await start(t, serveIndex);
  const error = await errorOf(t, 'E_SOURCE_UNREACHABLE', () => openFrom(t, server, { retries: 5 }));
  t.regex(error.hint ?? '', /certificate authority/);
  t.is(server.seen.length, 0);
});

test('TLS: a redirect to plain HTTP is not followed', async (t) => {
  const server = await start(t, (_request, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/index.zip' }).end();
  });
  await errorOf(t, 'E_SOURCE_PROTOCOL', () => openFrom(t, server, { ca: certificate.pem }));
});

for (const [variable, asked] of [
  ['HTTPS_PROXY', 'CONNECT m.invalid:443'],
  ['HTTP_PROXY', 'GET http://m.invalid/index.zip'],
] as const)
  test(`${variable}: the marketplace is reached through the proxy, with its account`, async (t) => {
    const own = makeCertificate({ host: 'm.invalid' });
    const scheme = variable === 'HTTPS_PROXY' ? 'https' : 'http';
    const server = await startScripted(serveIndex, scheme === 'https' ? own : undefined);
    t.teardown(() => server.close());
    const through = await startProxy(t, server.host, { account: 'me:s3cr3t' });
    const options = (password: string): Parameters<typeof openFrom>[2] => ({
      ca: own.pem,
      proxy: readProxyVariables({ [variable]: `http://me:${password}@${through.host}` }),
    });
    const { marketplace } = await openFrom(t, { url: `${scheme}://m.invalid` }, options('s3cr3t'));
    t.is(marketplace.index.packs.size, 1);
    t.deepEqual([...new Set(through.asked)], [asked]);
    const wrong = openFrom(t, { url: `${scheme}://m.invalid` }, options('c4n4ry'));
    const error = await errorOf(t, 'E_SOURCE_DENIED', () => wrong);
    t.regex(error.message, /407/);
    t.false(`${error.message}${error.stack ?? ''}${String(error.cause)}`.includes('c4n4ry'));
  });
