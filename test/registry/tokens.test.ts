import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { parseReference, type ImageReference } from '../../src/core/reference.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script, type ScriptedServer } from '../helpers/registry-scripted.ts';
import { TokenGuard, type TokenOptions } from '../helpers/registry-tokens.ts';

const image = sampleImage();
const content = new MemoryContent().image('a/b', '1', image).image('a/b', '2', sampleImage({ seed: 'two' }));
const honest: Script = async (request, response) => serveFrom(content, request, response);

async function guarded(
  t: ExecutionContext,
  options: TokenOptions = {},
): Promise<{ guard: TokenGuard; server: ScriptedServer; reference: ImageReference; other: ImageReference }> {
  const guard = new TokenGuard(options);
  const server = await scripted(t, guard.script(honest));
  const [reference, other] = [parseReference(`${server.host}/a/b:1`), parseReference(`${server.host}/a/b:2`)];
  return { guard, server, reference, other };
}

test('tokens: one anonymous token serves all requests to a repository', async (t) => {
  const { guard, reference, other } = await guarded(t);
  const source = sourceFor(t);
  await source.resolve(reference, amd64);
  await source.resolve(other, amd64);
  t.is(guard.asked.length, 1);
  t.is(guard.asked[0]?.get('scope'), 'repository:a/b:pull');
  t.is(guard.asked[0]?.get('service'), 'the registry');
  t.is(guard.asked[0]?.get('from'), 'realm', 'the query of the realm is kept');
});

test('tokens: access_token is understood', async (t) => {
  const { reference } = await guarded(t, { field: 'access_token' });
  await t.notThrowsAsync(sourceFor(t).resolve(reference, amd64));
});

test('tokens: parallel requests share one token', async (t) => {
  const { guard, reference } = await guarded(t);
  const source = sourceFor(t);
  await Promise.all(Array.from({ length: 5 }, async () => source.resolve(reference, amd64)));
  t.is(guard.asked.length, 1);
});

test('tokens: a token is renewed before it ends', async (t) => {
  // So short that every request finds it worn.
  const { guard, server, reference } = await guarded(t, { expiresIn: 0.000001 });
  await sourceFor(t).resolve(reference, amd64);
  t.is(guard.asked.length, 2, 'one for the manifest, one for the config');
  t.is(
    server.seen.filter(({ authorization }) => authorization === undefined).length,
    3,
    'only the first try and the token requests go without',
  );
});

test('tokens: a token refused in mid-run is renewed once for all', async (t) => {
  const { guard, reference } = await guarded(t);
  const source = sourceFor(t);
  const locked = await source.resolve(reference, amd64);
  guard.revoke();
  const streams = await Promise.all(locked.layers.map(async (layer) => source.openBlob(locked, layer)));
  for (const stream of streams) stream.destroy();
  t.is(guard.asked.length, 2);
});

test('tokens: one caller that stops does not take the token from the others', async (t) => {
  const stop = new AbortController();
  const guard = new TokenGuard();
  const guardedScript = guard.script(honest);
  const server = await scripted(t, async (request, response, before) => {
    if (request.path.startsWith('/token')) stop.abort();
    await guardedScript(request, response, before);
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  const source = sourceFor(t);
  const [stopped, other] = await Promise.allSettled([
    source.resolve(reference, amd64, stop.signal),
    source.resolve(reference, amd64),
  ]);
  t.is(stopped.status, 'rejected');
  t.is(other.status, 'fulfilled');
  t.is(guard.asked.length, 1);
});

test('tokens: a registry that refuses its own token has denied the image', async (t) => {
  const { server, reference } = await guarded(t, { denies: true });
  const error = await failure(t, 'E_SOURCE_DENIED', async () => sourceFor(t).resolve(reference, amd64));
  t.truthy(error.hint);
  t.is(server.seen.length, 3, 'no endless asking');
});

test('tokens: a wish for a password is answered with a hint', async (t) => {
  const server = await scripted(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => sourceFor(t).resolve(reference, amd64));
  t.truthy(error.hint);
  t.is(server.seen.length, 1);
});

const fails = test.macro<
  [code: ErrorCode, realm: string, answer: (host: string) => { status?: number; body: string }]
>({
  async exec(t, code, realm, answer) {
    const server = await scripted(t, ({ path, headers }, response) => {
      const { status = 200, body } = answer(headers.host ?? '');
      if (path.startsWith('/token')) response.writeHead(status).end(body);
      else {
        const at = realm.replace('HOST', headers.host ?? '');
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${at}"` }).end();
      }
    });
    const reference = parseReference(`${server.host}/a/b:1`);
    const error = await failure(t, code, async () => sourceFor(t).resolve(reference, amd64));
    t.false(error.message.includes('secret'), error.message);
  },
  title: (title) => `tokens: ${title ?? ''}`,
});

const at = 'http://HOST/token';
test('a refusal of the token service', fails, 'E_SOURCE_DENIED', at, () => ({ status: 403, body: '' }));
test('an answer that is no JSON', fails, 'E_SOURCE_PROTOCOL', at, () => ({ body: 'secret' }));
test('an answer without a token', fails, 'E_SOURCE_PROTOCOL', at, () => ({ body: '{"secret":1}' }));
test('a token that would split the header', fails, 'E_SOURCE_PROTOCOL', at, () => ({
  body: '{"token":"secret\\r\\nx: y"}',
}));
test('an answer without end', fails, 'E_LIMIT_EXCEEDED', at, () => ({ body: 'secret'.repeat(20_000) }));
test('a token service of another protocol', fails, 'E_SOURCE_PROTOCOL', 'file:///etc/passwd', () => ({
  body: '',
}));
test('no token service', fails, 'E_SOURCE_PROTOCOL', '', () => ({ body: '' }));
