import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import { silent } from '../../src/core/events.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { confirmLocked } from '../../src/flows/frozen.ts';
import { withOrigins } from '../../src/flows/origins.ts';
import { resolveAll, type Resolved, type ResolveOptions } from '../../src/flows/resolve.ts';
import { serveContent } from '../../src/registry/server.ts';
import type { LockDocument } from '../../src/schema/lock.ts';
import { errorOf } from '../helpers/pack-folder.ts';
import { amd64, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';

async function serve(t: ExecutionContext, content: MemoryContent): Promise<string> {
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  return server.host;
}

test('an image with an origin comes from there and keeps its name', async (t) => {
  const host = await serve(t, new MemoryContent().image('ghcr/acme/tool', '2.1', sampleImage()));
  const reference = parseReference('ghcr.io/acme/tool:2.1');
  const source = withOrigins(sourceFor(t), [
    { reference, from: `${host}/ghcr`, file: 'm.yml', line: 1, column: 1 },
  ]);
  const image = await source.resolve(reference, amd64);
  t.is(image.reference, 'ghcr.io/acme/tool:2.1');
  t.is(image.source, `registry://${host}`);
  for (const blob of [image.manifest, image.config, ...image.layers]) {
    const bytes = await collect(await source.openBlob(image, blob), 1_000_000, 'blob');
    t.is(bytes.length, blob.size);
  }
});

test('an origin that does not have the image is named', async (t) => {
  const host = await serve(t, new MemoryContent().image('acme/other', '1', sampleImage()));
  const reference = parseReference('ghcr.io/acme/tool:2.1');
  const source = withOrigins(sourceFor(t), [{ reference, from: host, file: 'm.yml', line: 1, column: 1 }]);
  const error = await errorOf(t, 'E_IMAGE_NOT_FOUND', () => source.resolve(reference, amd64));
  t.true(error.message.includes('ghcr.io/acme/tool:2.1'), error.message);
  t.true(error.message.includes(host), error.message);
});

test('images without origin are not touched', async (t) => {
  const host = await serve(t, new MemoryContent().image('a/b', '1', sampleImage()));
  const source = sourceFor(t);
  const reference = parseReference('ghcr.io/acme/tool:2.1');
  const wrapped = withOrigins(source, [{ reference, from: host, file: 'm.yml', line: 1, column: 1 }]);
  t.is((await wrapped.resolve(parseReference(`${host}/a/b:1`), amd64)).reference, `${host}/a/b:1`);
  t.is(withOrigins(source, [{ reference, file: 'm.yml', line: 1, column: 1 }]), source);
});

interface Locked {
  readonly resolved: Resolved;
  readonly lock: LockDocument;
}

function options(source: ImageSource): ResolveOptions {
  return { source, platform: amd64, jobs: 2, emit: silent, signal: new AbortController().signal };
}

async function lockOf(source: ImageSource, reference: string): Promise<Locked> {
  const wanted = [{ reference: parseReference(reference), usedBy: [] }];
  const resolved = await resolveAll(wanted, options(source));
  const images = resolved.images.map(({ image }) => {
    return { ...image, layers: [...image.layers], lockedAt: '2026-11-01T05:00:00Z' };
  });
  return { resolved, lock: { schema: 'packferry.lock/v1', name: 'x', platform: amd64, images } };
}

test('a frozen lock keeps to its digest although the tag has moved', async (t) => {
  const [old, fresh] = [sampleImage({ seed: 'old' }), sampleImage({ seed: 'new' })];
  const content = new MemoryContent().image('a/b', '1', old);
  const host = await serve(t, content);
  const { resolved, lock } = await lockOf(sourceFor(t), `${host}/a/b:1`);
  content.image('a/b', '1', fresh);
  const confirmed = await confirmLocked(resolved, lock, options(sourceFor(t)));
  t.deepEqual(confirmed, { images: resolved.images, errors: [] });
  t.is(confirmed.images[0]?.image.manifest.digest, old.manifest.descriptor.digest);
});

test('a digest of a frozen lock that is no longer served is told with name, digest and date', async (t) => {
  const before = await serve(t, new MemoryContent().image('a/b', '1', sampleImage({ seed: 'old' })));
  const { resolved, lock } = await lockOf(sourceFor(t), `${before}/a/b:1`);
  const after = await serve(t, new MemoryContent().image('a/b', '1', sampleImage({ seed: 'new' })));
  const rename = (text: string): string => text.replace(before, after);
  const moved = resolved.images.map(({ image, usedBy }) => {
    return { image: { ...image, reference: rename(image.reference) }, usedBy };
  });
  const images = lock.images.map((image) => ({ ...image, reference: rename(image.reference) }));
  const confirmed = await confirmLocked(
    { images: moved, errors: [] },
    { ...lock, images },
    options(sourceFor(t)),
  );
  t.deepEqual(confirmed.images, []);
  const [error] = confirmed.errors;
  t.is(error?.code, 'E_IMAGE_NOT_FOUND');
  t.true(error?.message.startsWith(`${after}/a/b:1: `), error?.message);
  t.regex(error?.message ?? '', /no longer serves sha256:[0-9a-f]{64}.*2026-11-01/);
});

test('a lock that contradicts its image is refused', async (t) => {
  const host = await serve(t, new MemoryContent().image('a/b', '1', sampleImage()));
  const { resolved, lock } = await lockOf(sourceFor(t), `${host}/a/b:1`);
  const images = resolved.images.map(({ image, usedBy }) => ({
    image: { ...image, layers: image.layers.slice(1) },
    usedBy,
  }));
  await errorOf(t, 'E_LOCK_INVALID', () =>
    confirmLocked({ images, errors: [] }, lock, options(sourceFor(t))),
  );
});
