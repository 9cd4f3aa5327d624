import { startDockerd, type Dockerd, type DockerdOptions } from './system-dockerd.ts';
import { startPodman, type Podman, type PodmanOptions } from './system-podman.ts';
import { usingService } from './system-service.ts';
import type { Need } from './system-tools.ts';

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

/** The same for tests that run containers: Podman 5 runs none without cgroups v2. */
export const containerKinds: readonly EngineKind[] = engineKinds.map((kind) =>
  kind.name === 'newer Podman' ? { ...kind, needs: [...kind.needs, 'cgroups-v2'] } : kind,
);

/** What the engines of a test have in common. */
export interface EngineSettings {
  /** In KiB: the engine's data lies on a disk of its own that is no larger. */
  readonly dataSize?: number;
  /** The storage driver of Podman. */
  readonly podmanDriver?: 'vfs' | 'overlay';
}

/** Starts a private engine of this kind; the caller has to `stop` it. */
export function startEngine(
  kind: EngineKind,
  { podmanDriver, ...settings }: EngineSettings = {},
): Promise<Dockerd | Podman> {
  if (kind.product === 'docker') return startDockerd({ ...kind.options, ...settings });
  const driver = podmanDriver === undefined ? {} : { driver: podmanDriver };
  return startPodman({ ...kind.options, ...settings, ...driver });
}

/** Calls `use` with a private engine of this kind, which is stopped afterwards. */
export async function withEngine<T>(
  kind: EngineKind,
  use: (engine: Dockerd | Podman) => Promise<T>,
): Promise<T> {
  return usingService(await startEngine(kind), use);
}
