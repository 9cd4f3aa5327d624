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
  const [, major] = /^v?(\d+)\./.exec(version ?? '') ?? [];
  // Who says nothing of a version is given the benefit of the doubt.
  return major === undefined || Number(major) >= 23;
}
