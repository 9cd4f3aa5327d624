import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine } from './engine.ts';

/** Free bytes on the disk of an engine's images. */
export interface EngineRoom {
  readonly folder: string;
  readonly free: number;
}

/**
 * How much room an engine has; undefined where that cannot be told: the engine is on another machine that nobody can ask,
 * also behind a forwarded socket, in a container, or its folder cannot be looked at.
 */
export async function roomOf({
  facts,
  freeIn,
}: Pick<Engine, 'facts' | 'freeIn'>): Promise<EngineRoom | undefined> {
  const { dataRoot, host } = facts;
  if (dataRoot === undefined) return undefined;
  if (freeIn !== undefined) {
    const free = await freeIn(dataRoot);
    return free === undefined ? undefined : { folder: dataRoot, free };
  }
  if (host !== hostname()) return undefined;
  try {
    const { bavail, bsize } = await statfs(dataRoot);
    return { folder: dataRoot, free: bavail * bsize };
  } catch {
    // Not there, or not for this user: nobody knows then.
    return undefined;
  }
}

/** Layers in zstd: Docker's classic store knows them from 23.0 on (moby, `pkg/archive`), the others always. */
export function takesZstd({ product, idOf, version }: EngineFacts): boolean {
  if (product === 'podman' || idOf === 'manifest') return true;
  // Who says nothing of a version is given the benefit of the doubt.
  return (majorOf(version) ?? 23) >= 23;
}

/**
 * Is an engine on this machine done sooner with layers that come decompressed? Podman decompresses them twice. Docker's containerd store
 * keeps blobs as they come. Its classic store unpacks in threads that take turns with the one that decompresses (moby 24.0
 * and later, `pkg/chrootarchive`); before, in a process of its own beside it, and there is nothing to be won.
 */
export function isSoonerPlain({ product, idOf, version }: EngineFacts): boolean {
  return product === 'podman' || (idOf === 'config' && (majorOf(version) ?? 0) >= 24);
}

function majorOf(version: string | undefined): number | undefined {
  const [, major] = /^v?(\d+)\./.exec(version ?? '') ?? [];
  return major === undefined ? undefined : Number(major);
}
