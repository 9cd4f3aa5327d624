import test, { type ExecutionContext } from 'ava';
import { silent } from '../../src/core/events.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { confirmLocked } from '../../src/flows/frozen.ts';
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
