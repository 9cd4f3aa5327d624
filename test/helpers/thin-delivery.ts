import type { ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { lockComposed } from './compose.ts';
import { execOk } from './system-exec.ts';
import { composedSource } from './system-images.ts';

/** An image, and one on top of it, as sources and as locks name them. */
export interface Family {
  readonly base: ReturnType<typeof composeImage>;
  readonly top: ReturnType<typeof composeImage>;
  readonly lockedBase: ReturnType<typeof lockComposed>;
  readonly locked: ReturnType<typeof lockComposed>;
}

/** Two images of their own for a test, also by name, so that no other one has brought them. */
export function familyOf(seed: string): Family {
  const base = composeImage({ files: [{ path: 'os', content: noise(`${seed}-os`, 20_000) }] });
  const top = composeImage({ base, files: [{ path: 'app', content: noise(`${seed}-app`, 3000) }] });
  const lockedBase = lockComposed(`docker.io/demisto/${seed}:base`, base);
  return { base, top, lockedBase, locked: lockComposed(`docker.io/demisto/${seed}:app`, top) };
}

/** The base is brought, then of what is on top of it only that. */
export async function deliversThin(
  t: ExecutionContext,
  target: ImageTarget,
  { base, top, lockedBase, locked }: Family,
): Promise<void> {
  await target.deliver(lockedBase, composedSource([base]));
  t.like(await target.confirm(lockedBase), { confirmed: true });
  await target.survey([locked]);
  const shared = totalSize(lockedBase.layers);
  t.deepEqual(await target.deliver(locked, composedSource([top])), {
    bytesSent: totalSize(blobsOf(locked)) - shared,
    bytesSkipped: shared,
  });
  t.like(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
}

/** Both are what the user's own Podman has, as XSOAR would ask it. */
export async function podmanOfHas(
  t: ExecutionContext,
  user: string,
  { lockedBase, locked }: Family,
): Promise<void> {
  const args = ['-n', '-H', '-u', user, 'podman', 'images', '--quiet', '--no-trunc'];
  const there = await execOk('sudo', args, { cwd: '/' });
  t.deepEqual(there.trim().split('\n').sort(), [locked.config.digest, lockedBase.config.digest].sort());
}
