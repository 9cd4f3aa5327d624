import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { withDockerd, type Dockerd, type DockerdOptions } from './system-dockerd.ts';
import { withPodman, type Podman, type PodmanOptions } from './system-podman.ts';
import { needing, type Need } from './system-tools.ts';

/** One of the engines that everything has to work on. */
export type EngineKind = {
  readonly name: string;
  readonly needs: readonly Need[];
  /** What its image IDs are. */
  readonly idOf: 'config' | 'manifest';
} & (
  | { readonly product: 'docker'; readonly options: DockerdOptions }
  | { readonly product: 'podman'; readonly options: PodmanOptions }
);

const installedDocker: readonly Need[] = ['dockerd', 'docker', 'root'];
const newer: readonly Need[] = ['newer-engines', 'docker', 'root'];

/** Docker 20.10, 28 with either store, Podman 4.3 and 5, as Debian 12 and its newer suite have them. */
export const engineKinds: readonly EngineKind[] = [
  { name: 'installed Docker', product: 'docker', needs: installedDocker, idOf: 'config', options: {} },
  {
    name: 'newer Docker, classic store',
    product: 'docker',
    needs: newer,
    idOf: 'config',
    options: { newer: true },
  },
  {
    name: 'newer Docker, containerd store',
    product: 'docker',
    needs: newer,
    idOf: 'manifest',
    options: { newer: true, store: 'containerd' },
  },
  { name: 'installed Podman', product: 'podman', needs: ['podman', 'root'], idOf: 'config', options: {} },
  {
    name: 'newer Podman',
    product: 'podman',
    needs: ['newer-engines', 'root'],
    idOf: 'config',
    options: { newer: true },
  },
];

/** Calls `use` with a private engine of this kind, which is stopped afterwards. */
export function withEngine<T>(kind: EngineKind, use: (engine: Dockerd | Podman) => Promise<T>): Promise<T> {
  return kind.product === 'docker' ? withDockerd(use, kind.options) : withPodman(use, kind.options);
}

/** An engine of one kind, and a target on it. */
export interface EngineBench {
  readonly kind: EngineKind;
  readonly engine: Dockerd | Podman;
  readonly target: ImageTarget;
}

/** A test that runs on every kind of engine, each time on a fresh one. */
export function engineTest(
  title: string,
  use: (t: ExecutionContext, bench: EngineBench) => Promise<void>,
  kinds = engineKinds,
): void {
  for (const kind of kinds) {
    test.serial(
      `${kind.name}: ${title}`,
      needing(kind.needs, async (t) => {
        await withEngine(kind, async (engine) => {
          const target = await openDockerTarget(await findDocker(`docker:unix://${engine.socket}`, {}));
          try {
            await use(t, { kind, engine, target });
          } finally {
            await target.close();
          }
        });
      }),
    );
  }
}

/** What the engine itself gives out under this name has every digest checked on the way: so its content is right. */
export async function savedLayers(
  { engine }: EngineBench,
  { reference, platform }: LockedImage,
): Promise<readonly string[]> {
  const connection = await findDocker(`docker:unix://${engine.socket}`, {});
  const source = await openEngineSource(connection, { spoolDir: path.join(engine.folder, 'spool') });
  try {
    const { layers } = await source.resolve(parseReference(reference), platform);
    return layers.map(({ diffId }) => diffId);
  } finally {
    await source.close();
  }
}
