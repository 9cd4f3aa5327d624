import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import type { ImageSource, ImageTarget } from '../../../src/core/ports.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { openRegistryTarget } from '../../../src/registry/push/target.ts';
import { blobBytes, lockComposed, memorySource } from '../../helpers/compose.ts';
import { pushRegistry, type Mischief, type PushRegistry } from '../../helpers/push-registry.ts';

const base = composeImage({ files: [{ path: 'base', content: noise('base', 30_000) }] });
const composed = composeImage({ base, files: [{ path: 'own', content: noise('own', 2000) }] });
const image = lockComposed('docker.io/demisto/sample:1', composed);
const [left] = image.layers;
if (left === undefined) throw new Error('no layer');
const named = parseReference('docker.io/demisto/python3:1');
const bytes = blobBytes([composed]);

interface Bench {
  readonly registry: PushRegistry;
  readonly target: ImageTarget;
}

/** A registry that has the base layer in the repository `path` only; it mounts nothing. */
async function bench(t: ExecutionContext, path: string, mischief?: Mischief): Promise<Bench> {
  const registry = await pushRegistry(t, mischief);
  registry.blobs.set(`${path} ${left?.digest}`, bytes.get(left?.digest ?? '') ?? Buffer.alloc(0));
  const target = openRegistryTarget(registry.host, { pieceSize: 16_000, retries: 1, retryDelay: 1 });
  t.teardown(() => target.close());
  return { registry, target };
}

/** A bundle that leaves out the base layer. */
function delta(): ImageSource {
  const source = memorySource(bytes);
  return {
    ...source,
    openBlob: (of, blob, options) => {
      if (blob.digest !== left?.digest) return source.openBlob(of, blob, options);
      return Promise.reject(new PackferryError('E_BASE_MISSING', `${of.reference}: it is left out`));
    },
  };
}

/** Is the base layer said to be there? */
async function isHeld({ target }: Bench, images = [named]): Promise<boolean> {
  if (left === undefined) return false;
  target.mayHave?.(new Map([[left.digest, images]]));
  const [presence] = await target.survey([image]);
  return presence?.state === 'absent' && presence.held?.has(left.digest) === true;
}

test('a registry that mounts nothing: the layer is copied from the repository that has it', async (t) => {
  const made = await bench(t, 'demisto/python3');
  t.true(await isHeld(made));
  const delivery = await made.target.deliver(image, delta());
  t.true(delivery.bytesSent > left.size, 'it had to be sent');
  t.is(made.registry.count('POST', '?mount='), 1);
  t.deepEqual(made.registry.blobs.get(`demisto/sample ${left.digest}`), bytes.get(left.digest));
  t.deepEqual(await made.target.confirm(image), { confirmed: true, id: image.manifest.digest });
});

test('a layer that is not what its digest says there is not copied, and the image gets no manifest', async (t) => {
  const made = await bench(t, 'demisto/python3');
  made.registry.blobs.set(`demisto/python3 ${left.digest}`, noise('other', left.size));
  t.true(await isHeld(made), 'its size is right');
  await t.throwsAsync(made.target.deliver(image, delta()), { code: 'E_DIGEST_MISMATCH' });
  t.is(made.registry.uploads.size, 0, 'no upload is left open');
  t.is(made.registry.count('PUT', '/manifests/'), 0);
});

test('a layer that was there and is gone is told as one that the bundle leaves out', async (t) => {
  const made = await bench(t, 'other/place');
  await t.throwsAsync(made.target.deliver(image, delta()), { code: 'E_BASE_MISSING' });
  t.is(made.registry.count('PUT', '/manifests/'), 0);
});

test('repositories that may not be read are passed over; what is called alike is asked at last', async (t) => {
  const lists: Mischief = ({ url, response }, { host }) => {
    const isDenied = url.pathname.startsWith('/v2/demisto/python3/');
    if (isDenied) response.writeHead(403).end();
    if (url.pathname !== '/v2/_catalog') return isDenied;
    const isFirst = url.searchParams.get('last') === null;
    const link = { link: `<http://${host}/v2/_catalog?n=1000&last=b>; rel="next"` };
    const repositories = isFirst ? ['acme/tool', 'UPPER', '../x'] : ['old/python3', 'old/demisto/python3'];
    response.writeHead(200, isFirst ? link : {}).end(JSON.stringify({ repositories }));
    return true;
  };
  const made = await bench(t, 'old/demisto/python3', lists);
  t.true(await isHeld(made));
  t.false(made.registry.seen.some((line) => line.includes('/acme/tool/') || line.includes('old/python3/')));
  await made.target.deliver(image, delta());
  t.true(made.registry.seen.some((line) => line.endsWith('&from=old/demisto/python3')));
});

for (const [what, status, body] of [
  ['gives no list of repositories', 404, ''],
  ['keeps its list to itself', 403, '{"errors":[{"code":"DENIED","message":"no"}]}'],
  ['fails to list', 500, ''],
  ['answers with a page', 200, '<html>'],
  ['answers with another object', 200, '{"repositories":"all"}'],
] as const) {
  test(`a registry that ${what} lacks the layer, and that is no fault`, async (t) => {
    const made = await bench(t, 'old/python3', ({ url, response }) => {
      if (url.pathname !== '/v2/_catalog') return false;
      response.writeHead(status).end(body);
      return true;
    });
    t.false(await isHeld(made));
    t.is(made.registry.count('GET', '_catalog'), status === 500 ? 2 : 1);
  });
}

test('without layers that are left out nobody is asked for more than before', async (t) => {
  const { registry, target } = await bench(t, 'demisto/python3');
  await target.survey([image]);
  t.true(registry.seen.every((line) => line.includes(' /v2/demisto/sample/')));
});
