import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { refuse, serveFrom, type Script } from '../helpers/registry-scripted.ts';

const image = sampleImage();
const content = new MemoryContent().image('a/b', '1', image).image('hub/a/b', '1', image);
const honest: Script = async (request, response) => serveFrom(content, request, response);
const refusing =
  (status: number): Script =>
  (_request, response) => {
    refuse(response, status, 'NO');
  };
const wrong: Script = (_request, response) => {
  const type = image.manifest.descriptor.mediaType;
  response.writeHead(200, { 'content-type': type, 'docker-content-digest': `sha256:${'0'.repeat(64)}` });
  response.end(image.manifest.bytes);
};

/** A source where `registry` has these mirrors. */
function mirrored(t: ExecutionContext, registry: string, mirrors: string[]): ImageSource {
  return sourceFor(t, { registries: new Map([[registry, { mirrors }]]) });
}

test('mirrors: the first is asked first, below its prefix', async (t) => {
  const [mirror, registry] = [await scripted(t, honest), await scripted(t, honest)];
  const source = mirrored(t, registry.host, [`${mirror.host}/hub`]);
  const locked = await source.resolve(parseReference(`${registry.host}/a/b:1`), amd64);
  t.is(locked.source, `registry://${mirror.host}/hub`);
  t.is(locked.reference, `${registry.host}/a/b:1`);
  t.deepEqual(
    mirror.seen.map(({ path }) => path.split('/').slice(0, 5).join('/')),
    ['/v2/hub/a/b', '/v2/hub/a/b'],
  );
  t.is(registry.seen.length, 0);
});

const passesOver = test.macro<[script: Script | undefined]>({
  async exec(t, script) {
    const registry = await scripted(t, honest);
    const mirror = await scripted(t, script ?? honest);
    if (script === undefined) await mirror.close();
    const source = mirrored(t, registry.host, [mirror.host]);
    const locked = await source.resolve(parseReference(`${registry.host}/a/b:1`), amd64);
    t.is(locked.source, `registry://${registry.host}`);
  },
  title: (title) => `mirrors: passed over ${title ?? ''}`,
});

test('when it does not have the image', passesOver, refusing(404));
test('when it denies it', passesOver, refusing(403));
test('when it is broken', passesOver, refusing(500));
test('when it limits requests', passesOver, refusing(429));
test('when it cannot be reached', passesOver, undefined);

test('mirrors: one that serves wrong content stops the run', async (t) => {
  const [mirror, registry] = [await scripted(t, wrong), await scripted(t, honest)];
  const source = mirrored(t, registry.host, [mirror.host]);
  const reference = parseReference(`${registry.host}/a/b:1`);
  await failure(t, 'E_DIGEST_MISMATCH', async () => source.resolve(reference, amd64));
});

const sumsUp = test.macro<[mirror: number, registry: number, code: ErrorCode]>({
  async exec(t, mirrorStatus, registryStatus, code) {
    const [mirror, registry] = [
      await scripted(t, refusing(mirrorStatus)),
      await scripted(t, refusing(registryStatus)),
    ];
    const source = mirrored(t, registry.host, [mirror.host]);
    const reference = parseReference(`${registry.host}/a/b:1`);
    const error = await failure(t, code, async () => source.resolve(reference, amd64));
    t.deepEqual(
      error.errors.map(({ message }) => [
        message.includes(mirror.host),
        message.includes(` ${registry.host} `),
      ]),
      [
        [true, false],
        [false, true],
      ],
      'both are told, in order',
    );
  },
  title: (_title, mirror, registry, code) => `mirrors: ${mirror} and ${registry} make ${code}`,
});

test(sumsUp, 404, 403, 'E_IMAGE_NOT_FOUND');
test(sumsUp, 403, 404, 'E_IMAGE_NOT_FOUND');
test(sumsUp, 403, 500, 'E_SOURCE_UNREACHABLE');
test(sumsUp, 500, 403, 'E_SOURCE_DENIED');

test('mirrors: blobs come first from where the image was resolved, then from the others', async (t) => {
  const mirror = await scripted(t, async (request, response) => {
    if (request.path.includes('/manifests/')) refuse(response, 404, 'MANIFEST_UNKNOWN');
    else await honest(request, response, []);
  });
  const registry = await scripted(t, async (request, response, before) => {
    const layerIsGone = before.some(({ path }) => path === request.path);
    if (layerIsGone) refuse(response, 404, 'BLOB_UNKNOWN');
    else await honest(request, response, []);
  });
  const source = mirrored(t, registry.host, [mirror.host]);
  const locked = await source.resolve(parseReference(`${registry.host}/a/b:1`), amd64);
  const [layer] = locked.layers;
  const asked = mirror.seen.length;
  if (layer === undefined) return t.fail();
  await collect(await source.openBlob(locked, layer), 1_000_000, 'layer');
  t.is(mirror.seen.length, asked, 'the registry answered, so the mirror was not asked');
  const again = await collect(await source.openBlob(locked, layer), 1_000_000, 'layer');
  t.true(again.equals(image.blobs[1] ?? Buffer.of()));
  t.is(mirror.seen.length, asked + 1);
});

test('mirrors: one that is down costs its retries once', async (t) => {
  const [mirror, registry] = [await scripted(t, refusing(503)), await scripted(t, honest)];
  const source = sourceFor(t, {
    retries: 3,
    registries: new Map([[registry.host, { mirrors: [mirror.host] }]]),
  });
  const reference = parseReference(`${registry.host}/a/b:1`);
  await source.resolve(reference, amd64);
  await source.resolve(reference, amd64);
  t.is(mirror.seen.length, 4 + 1);
});

test('mirrors: one that wants to be left alone is not waited for while another can be asked', async (t) => {
  const busy: Script = (_request, response) => {
    refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '60' });
  };
  const [mirror, registry] = [await scripted(t, busy), await scripted(t, honest)];
  const events: Event[] = [];
  const source = sourceFor(t, {
    retries: 3,
    registries: new Map([[registry.host, { mirrors: [mirror.host] }]]),
    emit: (event) => events.push(event),
  });
  const reference = parseReference(`${registry.host}/a/b:1`);
  for (let times = 0; times < 3; times += 1) {
    const locked = await source.resolve(reference, amd64);
    t.is(locked.source, `registry://${registry.host}`);
    const [layer] = locked.layers;
    if (layer !== undefined) await collect(await source.openBlob(locked, layer), 1_000_000, 'layer');
  }
  t.is(mirror.seen.length, 1, 'it was left alone');
  t.deepEqual(
    events.map((event) => (event.type === 'note' ? [event.level, event.message.split(' ')[0]] : event.type)),
    [['info', mirror.host]],
    'nobody waited, and where images do not come from was said once',
  );
});

test('mirrors: one that wants to be left alone is waited for when no other has the image', async (t) => {
  let refusals = 0;
  const busyOnce: Script = async (request, response) => {
    if ((refusals += 1) > 1) await honest(request, response, []);
    else refuse(response, 503, 'BUSY', { 'retry-after': '4' });
  };
  const [mirror, registry] = [await scripted(t, busyOnce), await scripted(t, refusing(404))];
  const events: Event[] = [];
  const source = sourceFor(t, {
    retries: 3,
    registries: new Map([[registry.host, { mirrors: [mirror.host] }]]),
    emit: (event) => events.push(event),
  });
  const locked = await source.resolve(parseReference(`${registry.host}/a/b:1`), amd64);
  t.is(locked.source, `registry://${mirror.host}`);
  t.is(registry.seen.length, 1);
  t.deepEqual(
    events.map(({ type }) => type),
    ['note', 'waiting'],
  );
});

test('mirrors: one whose token service wants to be left alone is not waited for either', async (t) => {
  let asked = 0;
  const mirror = await scripted(t, (request, response) => {
    if (request.path.startsWith('/token')) {
      asked += 1;
      refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '60' });
      return;
    }
    const realm = `http://${request.headers.host ?? ''}/token`;
    refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${realm}"` });
  });
  const registry = await scripted(t, honest);
  const source = sourceFor(t, {
    retries: 3,
    registries: new Map([[registry.host, { mirrors: [mirror.host] }]]),
  });
  const reference = parseReference(`${registry.host}/a/b:1`);
  const found = await Promise.all([1, 2, 3].map(async () => source.resolve(reference, amd64)));
  t.deepEqual(new Set(found.map((locked) => locked.source)), new Set([`registry://${registry.host}`]));
  t.is(asked, 1);
});
