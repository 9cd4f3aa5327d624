import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Environment } from '../../src/engine/docker-context.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { engineKinds, withEngine, type EngineKind } from './system-engine-kinds.ts';
import type { EngineBench } from './system-engines.ts';
import type { Dockerd } from './system-dockerd.ts';
import { writeExecutable } from './system-exec.ts';
import type { Podman } from './system-podman.ts';
import { needing } from './system-tools.ts';

/** A program of this name that is nothing but a command line with further arguments behind it. Returns its folder. */
export async function writeProgram(folder: string, name: string, lines: readonly string[]): Promise<string> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeExecutable(path.join(bin, name), `#!/bin/sh\n${lines.join('\n')}\n`);
  return bin;
}

/** A word for a shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The environment in which an engine's own command leads to this engine. */
export async function commandEnvironmentOf(
  { product }: EngineKind,
  engine: Dockerd | Podman,
): Promise<Environment> {
  const { PATH, HOME } = process.env;
  if (product === 'docker' || !('command' in engine))
    return { PATH, HOME, DOCKER_HOST: `unix://${engine.socket}` };
  const line = engine.command.map(quoted).join(' ');
  // Without this folder in the PATH, or the program would find itself.
  const path = `PATH=${quoted(PATH ?? '')}`;
  const bin = await writeProgram(engine.folder, 'podman', [path, `exec ${line} "$@"`]);
  return { PATH: `${bin}:${PATH ?? ''}`, HOME };
}

/** A test that runs on every kind of engine, each time on a fresh one that is reached by its own command. */
export function commandTest(
  title: string,
  use: (t: ExecutionContext, bench: EngineBench) => Promise<void>,
  kinds = engineKinds,
): void {
  for (const kind of kinds) {
    test.serial(
      `${kind.name} by its command: ${title}`,
      needing(kind.needs, async (t) => {
        await withEngine(kind, async (engine) => {
          const environment = await commandEnvironmentOf(kind, engine);
          const find = kind.product === 'docker' ? findDocker : findPodman;
          const target = await openDockerTarget(await find(`${kind.product}:?command`, environment));
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
