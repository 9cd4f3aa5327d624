import test, { type ExecutionContext } from 'ava';
import type { PackferryError } from '../../src/core/errors.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { Credential, CredentialSource } from '../../src/registry/credentials/credential.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { refuse, serveFrom, type Script } from '../helpers/registry-scripted.ts';
import { TokenGuard } from '../helpers/registry-tokens.ts';

const content = new MemoryContent().image('a/b', '1', sampleImage()).image('a/c', '1', sampleImage());
const honest: Script = async (request, response) => serveFrom(content, request, response);
const basic = (account: string): string => `Basic ${Buffer.from(account).toString('base64')}`;

const password: Credential = {
  kind: 'password',
  username: 'me',
  password: 's3cr3t',
  from: '/home/me/.docker/config.json',
};
const identity: Credential = { kind: 'identity', token: 's3cr3t', from: 'docker-credential-acr' };

function accountsOf(credential: Credential | undefined): CredentialSource & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find: (host, path) => {
      asked.push(`${host} ${path}`);
      return Promise.resolve(credential);
    },
  };
}

/** A registry that wants a password with every request. */
function wantsBasic(account = 'me:s3cr3t'): Script {
  return async (request, response) => {
    if (request.authorization === basic(account)) await serveFrom(content, request, response);
    else refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="r"' });
  };
}

function hides(t: ExecutionContext, error: PackferryError): void {
  const shown = JSON.stringify([error.message, error.hint, error.stack, String(error.cause)]);
  t.false(shown.includes('s3cr3t'), shown);
  t.false(shown.includes(basic('me:s3cr3t').slice(6)), shown);
}

test('log-in: Basic where the registry asks for it, from then on without being asked', async (t) => {
  const server = await scripted(t, wantsBasic());
  const source = sourceFor(t, { credentials: accountsOf(password) });
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.is(locked.layers.length, 2);
  const without = server.seen.filter(({ authorization }) => authorization === undefined);
  t.is(without.length, 1, 'only the first request');
});

test('log-in: Basic without an account says how to get one', async (t) => {
  const server = await scripted(t, wantsBasic());
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => sourceFor(t).resolve(reference, amd64));
  t.regex(error.hint ?? '', new RegExp(`packferry login ${server.host}`));
});

test('log-in: a wrong password is named by where it came from, and not tried again and again', async (t) => {
  const server = await scripted(t, wantsBasic('me:other'));
  const source = sourceFor(t, { credentials: accountsOf(password), retries: 3 });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
  t.regex(error.hint ?? '', /\/home\/me\/\.docker\/config\.json/);
  t.regex(error.hint ?? '', /packferry login/);
  hides(t, error);
  t.is(server.seen.length, 2);
  await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
  t.is(server.seen.length, 3);
});

for (const scheme of ['Basic', 'Bearer']) {
  test(`log-in: a wrong password is not shown for hundreds of images, which would lock the account: ${scheme}`, async (t) => {
    let shown = 0;
    const server = await scripted(t, (request, response) => {
      if (request.authorization?.startsWith('Basic ') === true) shown += 1;
      const realm = `http://${request.headers.host ?? ''}/token`;
      refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': `${scheme} realm="${realm}"` });
    });
    const credential: Credential = { kind: 'password', username: 'soc', password: 'old', from: 'auth.json' };
    const source = sourceFor(t, { credentials: { find: () => Promise.resolve(credential) } });
    for (let image = 0; image < 20; image += 1) {
      const reference = parseReference(`${server.host}/a/b${image}:1`);
      const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
      t.true(error.message.includes(`a/b${image}`), error.message);
      t.regex(error.hint ?? '', /auth\.json.*packferry login/);
    }
    t.is(shown, 3);
  });
}

test('log-in: an account that may not read the image', async (t) => {
  const server = await scripted(t, ({ authorization }, response) => {
    if (authorization === undefined)
      refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="r"' });
    else refuse(response, 403, 'DENIED');
  });
  const source = sourceFor(t, { credentials: accountsOf(password) });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
  t.regex(error.hint ?? '', /config\.json.*may read it/);
});

test('log-in: the account is shown to the token service only, once for a repository', async (t) => {
  const guard = new TokenGuard({ account: 'me:s3cr3t' });
  const server = await scripted(t, guard.script(honest));
  const credentials = accountsOf(password);
  const source = sourceFor(t, { credentials });
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  (await source.openBlob(locked, locked.config)).destroy();
  t.is(guard.asked.length, 1);
  t.is(guard.asked[0]?.get('scope'), 'repository:a/b:pull');
  const shown = server.seen.filter(({ authorization }) => authorization?.startsWith('Basic'));
  t.deepEqual(
    shown.map(({ path }) => path.split('?')[0]),
    ['/token'],
  );
  t.true(credentials.asked.every((asked) => asked === `${server.host} a/b`));
});

test('log-in: an identity token is posted, never put into an address', async (t) => {
  const guard = new TokenGuard({ identity: 's3cr3t', field: 'access_token' });
  const server = await scripted(t, guard.script(honest));
  const source = sourceFor(t, { credentials: accountsOf(identity) });
  await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  const [asked] = guard.asked;
  t.is(asked?.get('client_id'), 'packferry');
  t.is(asked?.get('service'), 'the registry');
  t.is(asked?.get('scope'), 'repository:a/b:pull');
  t.false(server.seen.some(({ path }) => path.includes('s3cr3t')));
});

test('log-in: a token that ends in mid-run is got anew with the identity token, once for all', async (t) => {
  const guard = new TokenGuard({ identity: 's3cr3t' });
  const server = await scripted(t, guard.script(honest));
  const source = sourceFor(t, { credentials: accountsOf(identity) });
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  guard.revoke();
  const streams = await Promise.all(locked.layers.map(async (layer) => source.openBlob(locked, layer)));
  for (const stream of streams) stream.destroy();
  t.is(guard.asked.length, 2);
});

for (const [credential, name] of [
  [password, 'password'],
  [identity, 'identity token'],
] as const)
  test(`log-in: a token service that does not know the ${name}`, async (t) => {
    const guard = new TokenGuard({ account: 'me:other', identity: 'other' });
    const server = await scripted(t, guard.script(honest));
    const source = sourceFor(t, { credentials: accountsOf(credential) });
    const reference = parseReference(`${server.host}/a/b:1`);
    const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
    t.true(error.hint?.includes(credential.from), error.hint);
    hides(t, error);
  });

test('log-in: an identity token is of no use where a password is wanted', async (t) => {
  const server = await scripted(t, wantsBasic());
  const source = sourceFor(t, { credentials: accountsOf(identity) });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => source.resolve(reference, amd64));
  t.regex(error.message, /docker-credential-acr has an identity token/);
  t.is(server.seen.length, 1);
});

test('log-in: without an account a private image is asked for once more after `packferry login`', async (t) => {
  const guard = new TokenGuard({ denies: true });
  const server = await scripted(t, guard.script(honest));
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_DENIED', async () => sourceFor(t).resolve(reference, amd64));
  t.regex(error.hint ?? '', new RegExp(`packferry login ${server.host}`));
});

test('log-in: nothing goes along to another origin', async (t) => {
  const storage = await scripted(t, honest);
  const server = await scripted(t, async (request, response) => {
    if (request.authorization !== basic('me:s3cr3t'))
      refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="r"' });
    else if (request.path.includes('/blobs/'))
      response.writeHead(307, { location: `${storage.url}${request.path}` }).end();
    else await serveFrom(content, request, response);
  });
  const source = sourceFor(t, { credentials: accountsOf(password) });
  await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.true(storage.seen.length > 0);
  t.deepEqual(
    storage.seen.filter(({ headers }) => JSON.stringify(headers).includes(basic('me:s3cr3t').slice(6))),
    [],
  );
});

test('log-in: a token service that redirects elsewhere does not pass the account on', async (t) => {
  const elsewhere = await scripted(t, (_request, response) => void response.end('{"token":"t"}'));
  for (const credential of [password, identity]) {
    const server = await scripted(t, ({ path, headers }, response) => {
      if (path.startsWith('/token')) response.writeHead(307, { location: `${elsewhere.url}/token` }).end();
      else {
        const realm = `http://${headers.host ?? ''}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
      }
    });
    const source = sourceFor(t, { credentials: accountsOf(credential) });
    await t.throwsAsync(source.resolve(parseReference(`${server.host}/a/b:1`), amd64));
  }
  const shown = JSON.stringify(elsewhere.seen);
  t.false(shown.includes('s3cr3t'));
  t.false(shown.includes(basic('me:s3cr3t').slice(6)));
});

test('log-in: an HTTPS registry cannot have the account sent in plain, not even to this machine', async (t) => {
  const certificate = makeCertificate();
  const plain = await scripted(t, (_request, response) => void response.end('{"token":"t"}'));
  const guard = new TokenGuard({ realm: `${plain.url}/token` });
  const server = await scripted(t, guard.script(honest), certificate);
  const registries = new Map([[server.host, { ca: certificate.pem, plainHttp: false }]]);
  const source = sourceFor(t, { registries, credentials: accountsOf(password) });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_PROTOCOL', async () => source.resolve(reference, amd64));
  t.regex(error.message, /in plain/);
  t.is(plain.seen.length, 0);
});

test('log-in: the account is that of the mirror that is asked, not of the registry', async (t) => {
  const server = await scripted(t, wantsBasic());
  const credentials = accountsOf(password);
  const registries = new Map([['docker.io/demisto', { location: `${server.host}/a` }]]);
  const source = sourceFor(t, { registries, credentials });
  const locked = await source.resolve(parseReference('demisto/b:1'), amd64);
  t.is(locked.reference, 'docker.io/demisto/b:1', 'the image keeps its name');
  t.is(locked.source, `registry://${server.host}/a`);
  t.true(
    credentials.asked.every((asked) => asked === `${server.host} a/b`),
    credentials.asked.join(),
  );
});
