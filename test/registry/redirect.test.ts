import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import type { Descriptor, LockedImage } from '../../src/core/image.ts';
import { parseReference } from '../../src/core/reference.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script, type ScriptedServer } from '../helpers/registry-scripted.ts';
import { TokenGuard } from '../helpers/registry-tokens.ts';

const image = sampleImage();
const content = new MemoryContent().image('a/b', '1', image);

/** A registry that sends readers of blobs to `location`, and wants tokens. */
async function registry(t: ExecutionContext, location: (path: string) => string): Promise<ScriptedServer> {
  return scripted(
    t,
    new TokenGuard().script(async (request, response) => {
      if (!request.path.includes('/blobs/')) return serveFrom(content, request, response);
      response.writeHead(307, { location: location(request.path) }).end('moved');
    }),
  );
}

const storageScript: Script = async ({ path, ...request }, response) =>
  serveFrom(content, { ...request, path: path.replace(/^\/signed\/\d+/, '').replace(/\?.*/, '') }, response);

function firstLayer({ layers }: LockedImage): Descriptor {
  const [layer] = layers;
  if (layer === undefined) throw new Error('no layer');
  return layer;
}

test('redirect: the token stays with the registry, the range goes along', async (t) => {
  const storage = await scripted(t, storageScript);
  const server = await registry(t, (path) => `${storage.url}/signed/1${path}?signature=x`);
  const source = sourceFor(t);
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  const layer = firstLayer(locked);
  const stream = await source.openBlob(locked, layer, { from: 7 });
  const got = await collect(stream, 1_000_000, 'layer');
  t.true(got.equals(image.blobs[1]?.subarray(7) ?? Buffer.of()));
  t.true(server.seen.some(({ authorization }) => authorization !== undefined));
  t.is(storage.seen.length, 2, 'config and layer');
  t.deepEqual(
    storage.seen.map(({ authorization }) => authorization),
    [undefined, undefined],
  );
  t.is(storage.seen[1]?.headers.range, 'bytes=7-');
  t.true(storage.seen[1]?.path.endsWith('?signature=x'));
});

test('redirect: the token does not come back after another origin', async (t) => {
  const detour = await scripted(t, ({ path }, response) => {
    response.writeHead(302, { location: `http://${path.slice(1)}` }).end();
  });
  const server = await scripted(
    t,
    new TokenGuard().script(({ path, headers }, response) => {
      response.writeHead(302, { location: `${detour.url}/${headers.host ?? ''}${path}/back` }).end();
    }),
  );
  await failure(t, 'E_SOURCE_DENIED', async () =>
    sourceFor(t).resolve(parseReference(`${server.host}/a/b:1`), amd64),
  );
  t.is(server.seen.at(-1)?.path.endsWith('/back'), true);
  t.is(server.seen.at(-1)?.authorization, undefined);
});

test('redirect: inside the registry the token goes along, and addresses may be relative', async (t) => {
  const server = await scripted(
    t,
    new TokenGuard().script(async (request, response) => {
      if (request.path.startsWith('/moved')) {
        await serveFrom(content, { ...request, path: request.path.slice('/moved'.length) }, response);
      } else response.writeHead(308, { location: `/moved${request.path}` }).end();
    }),
  );
  await t.notThrowsAsync(sourceFor(t).resolve(parseReference(`${server.host}/a/b:1`), amd64));
});

test('redirect: the registry is asked anew each time a blob is opened', async (t) => {
  const storage = await scripted(t, storageScript);
  let signed = 0;
  const server = await registry(t, (path) => `${storage.url}/signed/${(signed += 1)}${path}`);
  const source = sourceFor(t);
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  const layer = firstLayer(locked);
  for (let times = 0; times < 2; times += 1) {
    await collect(await source.openBlob(locked, layer), 1_000_000, 'layer');
  }
  t.deepEqual(
    storage.seen.map(({ path }) => path.split('/')[2]),
    ['1', '2', '3'],
  );
});

const refuses = test.macro<[location: string, from?: 'https']>({
  async exec(t, location, from) {
    const certificate = from === undefined ? undefined : makeCertificate();
    const server = await scripted(
      t,
      (_request, response) => {
        response.writeHead(302, { location }).end();
      },
      certificate,
    );
    const settings = certificate === undefined ? {} : { ca: certificate.pem, plainHttp: false };
    const source = sourceFor(t, { registries: new Map([[server.host, settings]]) });
    await failure(t, 'E_SOURCE_PROTOCOL', async () =>
      source.resolve(parseReference(`${server.host}/a/b:1`), amd64),
    );
    t.true(server.seen.length <= 6);
  },
  title: (title) => `redirect refused: ${title ?? ''}`,
});

test('in a circle', refuses, '/again');
test('to another protocol', refuses, 'ftp://storage.example/blob');
test('to nowhere', refuses, 'http://');
test('from HTTPS to plain HTTP', refuses, 'http://storage.example/blob', 'https');
