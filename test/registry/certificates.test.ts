import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import type { RegistrySettings } from '../../src/registry/options.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script } from '../helpers/registry-scripted.ts';
import { withTempFolder } from '../helpers/system-service.ts';

const content = new MemoryContent().image('a/b', '1', sampleImage());
const honest: Script = async (request, response) => serveFrom(content, request, response);
const [certificate, mine, other] = [
  makeCertificate(),
  makeCertificate({ subject: 'client' }),
  makeCertificate({ subject: 'other' }),
];
const client = { cert: mine.pem, key: mine.key };
const tls = { ca: certificate.pem, plainHttp: false };

async function writeFolder(folder: string, host: string, files: Record<string, string>): Promise<void> {
  await mkdir(path.join(folder, host), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, host, name), text);
}

test('certificates: the registry is shown the client certificate, where it redirects to is not', async (t) => {
  const storage = await scripted(t, honest, certificate);
  const server = await scripted(
    t,
    async (request, response) => {
      if (request.path.includes('/blobs/'))
        response.writeHead(307, { location: `${storage.url}${request.path}` }).end();
      else await serveFrom(content, request, response);
    },
    certificate,
  );
  const registries = new Map<string, RegistrySettings>([
    [server.host, { ...tls, client }],
    [storage.host, tls],
  ]);
  await sourceFor(t, { registries }).resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.deepEqual(new Set(server.seen.map((seen) => seen.certificate)), new Set(['client']));
  t.true(storage.seen.length > 0);
  t.deepEqual(new Set(storage.seen.map((seen) => seen.certificate)), new Set([undefined]));
});

test('certificates: an authority counts where its registry redirects to, and for its token service', async (t) => {
  const storage = await scripted(t, honest, certificate);
  const service = await scripted(
    t,
    (_request, response) => {
      response.end(JSON.stringify({ token: 'given' }));
    },
    certificate,
  );
  const server = await scripted(
    t,
    (request, response) => {
      if (request.authorization === undefined) {
        const challenge = `Bearer realm="${service.url}/token",scope="repository:a/b:pull"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      } else response.writeHead(307, { location: `${storage.url}${request.path}` }).end();
    },
    certificate,
  );
  const registries = new Map([[server.host, tls]]);
  const image = await sourceFor(t, { registries }).resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.is(image.source, `registry://${server.host}`);
  t.is(service.seen.length, 1);
  t.true(storage.seen.length > 0);
});

test('certificates: an authority does not count for another registry', async (t) => {
  const known = await scripted(t, honest, certificate);
  const other = await scripted(t, honest, certificate);
  const registries = new Map<string, RegistrySettings>([
    [known.host, tls],
    [other.host, { plainHttp: false }],
  ]);
  const source = sourceFor(t, { registries });
  t.is(
    (await source.resolve(parseReference(`${known.host}/a/b:1`), amd64)).source,
    `registry://${known.host}`,
  );
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () =>
    source.resolve(parseReference(`${other.host}/a/b:1`), amd64),
  );
  t.true(error.hint?.includes(other.host), 'the hint names the host that needs it');
});

test('certificates: a mirror is not shown the client certificate of the registry, a location is', async (t) => {
  const mirror = await scripted(t, (_request, response) => void response.writeHead(404).end(), certificate);
  const location = await scripted(t, honest, certificate);
  const settings = { ...tls, client, mirrors: [mirror.host], location: location.host };
  const source = sourceFor(t, { registries: new Map([['docker.io', settings]]) });
  await source.resolve(parseReference('a/b:1'), amd64);
  t.is(mirror.seen[0]?.certificate, undefined);
  t.is(location.seen[0]?.certificate, 'client');
});

test('certificates: an authority that is trusted everywhere', async (t) => {
  const server = await scripted(t, honest, certificate);
  const registries = new Map([[server.host, { plainHttp: false }]]);
  const source = sourceFor(t, { registries, ca: [certificate.pem] });
  await t.notThrowsAsync(source.resolve(parseReference(`${server.host}/a/b:1`), amd64));
});

test('certificates: those that lie in certs.d for docker and podman', async (t) => {
  const server = await scripted(t, honest, certificate);
  await withTempFolder(async (folder) => {
    await writeFolder(folder, server.host, {
      'ca.crt': certificate.pem,
      'client.cert': mine.pem,
      'client.key': mine.key,
      README: 'none of these',
    });
    const registries = new Map([[server.host, { plainHttp: false }]]);
    const source = sourceFor(t, { registries, certificateFolders: [`${folder}/absent`, folder] });
    await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
    t.is(server.seen[0]?.certificate, 'client');
  });
});

test('certificates: the first folder that knows the host counts, and what is set for packferry wins', async (t) => {
  const server = await scripted(t, honest, certificate);
  await withTempFolder(async (folder) => {
    const [first, second] = [path.join(folder, '1'), path.join(folder, '2')];
    const pair = { 'a.cert': other.pem, 'a.key': other.key };
    await writeFolder(first, server.host, { 'ca.crt': certificate.pem, ...pair });
    await writeFolder(second, server.host, { 'b.key': 'alone' });
    const certificateFolders = [first, second];
    for (const [settings, shown] of [
      [{ plainHttp: false }, 'other'],
      [{ plainHttp: false, client }, 'client'],
    ] as const) {
      const registries = new Map([[server.host, settings]]);
      const source = sourceFor(t, { registries, certificateFolders });
      await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
      t.is(server.seen.at(-1)?.certificate, shown);
    }
  });
});

const refused = test.macro({
  async exec(t, files: Record<string, string>, expected: RegExp) {
    const server = await scripted(t, honest, certificate);
    await withTempFolder(async (folder) => {
      await writeFolder(folder, server.host, files);
      const registries = new Map([[server.host, tls]]);
      const source = sourceFor(t, { registries, certificateFolders: [folder] });
      const reference = parseReference(`${server.host}/a/b:1`);
      const error = await failure(t, 'E_CREDENTIALS', async () => source.resolve(reference, amd64));
      t.regex(error.message, expected);
      t.true(error.message.includes(folder), error.message);
      t.is(server.seen.length, 0);
    });
  },
  title: (title) => `certificates refused: ${title ?? ''}`,
});
test('a certificate without key', refused, { 'a.cert': mine.pem }, /a\.cert has no a\.key/);
test('a key without certificate', refused, { 'a.key': mine.key }, /a\.key has no a\.cert/);
test('a key of another certificate', refused, { 'a.cert': mine.pem, 'a.key': other.key }, /cannot be used/);
test('what is no certificate', refused, { 'a.cert': 'x', 'a.key': 'y' }, /cannot be used/);

test('certificates: two client certificates for one host are one too many', (t) => {
  const registries = new Map([
    ['r.example/a', { client }],
    ['r.example/b', { client: { cert: other.pem, key: other.key } }],
  ]);
  t.throws(() => sourceFor(t, { registries }), { message: /two client certificates/ });
});
