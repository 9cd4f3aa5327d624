import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import type { Dockerd } from './system-dockerd.ts';
import { engineKinds, startEngine, type EngineKind, type EngineSettings } from './system-engine-kinds.ts';
import type { Podman } from './system-podman.ts';
import { usingService } from './system-service.ts';
import { needing } from './system-tools.ts';

/** An engine of one kind, and a target on it. */
export interface EngineBench {
  readonly kind: EngineKind;
  readonly engine: Dockerd | Podman;
  readonly target: ImageTarget;
}

/** A test that runs on every kind of engine, or on those that are named, each time on a fresh one. */
export function engineTest(
  title: string,
  use: (t: ExecutionContext, bench: EngineBench) => Promise<void>,
  kinds = engineKinds,
  settings: EngineSettings = {},
): void {
  for (const kind of kinds) {
    test.serial(
      `${kind.name}: ${title}`,
      needing(kind.needs, async (t) => {
        const withTarget = async (engine: Dockerd | Podman): Promise<void> => {
          const target = await openDockerTarget(await findDocker(`docker:unix://${engine.socket}`, {}));
          try {
            await use(t, { kind, engine, target });
          } finally {
            await target.close();
          }
        };
        await usingService(await startEngine(kind, settings), withTarget);
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
