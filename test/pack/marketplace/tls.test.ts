import test, { type ExecutionContext } from 'ava';
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
