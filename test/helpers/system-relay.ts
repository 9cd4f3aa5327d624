import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ComposedImage } from '../../bin/demo/sample-images.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource, ImageTarget } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget, type DockerTargetOptions } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { copyReport, type CopyReport } from '../../src/schema/reports.ts';
import type { Ran } from './cli-run.ts';
import { lockComposed } from './compose.ts';
import type { Dockerd } from './system-dockerd.ts';
import { withEngine, type EngineKind } from './system-engine-kinds.ts';
import { composedSource } from './system-images.ts';
import type { Podman } from './system-podman.ts';

/** Engines between which images go. */
export type RelayEngine = Dockerd | Podman;

/** The engine behind this socket, as endpoint. */
export function urlOf(socket: string): string {
  return `docker:unix://${socket}`;
}

/** Calls `use` with private engines of these kinds, which are stopped afterwards. */
export async function withEngines<T>(
  [first, ...others]: readonly EngineKind[],
  use: (engines: readonly RelayEngine[]) => Promise<T>,
): Promise<T> {
  if (first === undefined) return use([]);
  return withEngine(first, (one) => withEngines(others, (more) => use([one, ...more])));
}

/** Calls `use` with the engine behind this socket as target. */
export async function withTarget<T>(
  socket: string,
  use: (target: ImageTarget) => Promise<T>,
  options: DockerTargetOptions = {},
): Promise<T> {
  const target = await openDockerTarget(await findDocker(urlOf(socket), {}), options);
  try {
    return await use(target);
  } finally {
    await target.close();
  }
}

/** Calls `use` with the engine behind this socket as source. */
export async function withSource<T>(
  socket: string,
  spoolDir: string,
  use: (source: ImageSource) => Promise<T>,
): Promise<T> {
  const source = await openEngineSource(await findDocker(urlOf(socket), {}), { spoolDir });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** Gives an engine an image. */
export function put({ socket }: RelayEngine, reference: string, image: ComposedImage): Promise<unknown> {
  return withTarget(socket, (target) =>
    target.deliver(lockComposed(reference, image), composedSource([image])),
  );
}

/**
 * Config and diff IDs of what an engine has under a name. What it gives out itself is checked against its ID, in a spool
 * of the engine's own, so nothing is believed of what another one gave.
 */
export function layersOn({ socket, folder }: RelayEngine, reference: string): Promise<readonly string[]> {
  return withSource(socket, path.join(folder, 'checked'), async (source) => {
    const { config, layers } = await source.resolve(parseReference(reference), defaultPlatform);
    return [config.digest, ...layers.map(({ diffId }) => diffId)];
  });
}

/** The same of a composed image. */
export function wholeOf({ config, layers }: ComposedImage): readonly string[] {
  return [config.descriptor.digest, ...layers.map(({ diffId }) => diffId)];
}

/** Files that were written for images on their way, below `cache` of this folder. */
export async function spooled(folder: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(folder, 'cache'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** The report of a `copy` that went well. */
export function reportOf(t: ExecutionContext, ran: Ran): CopyReport {
  t.is(ran.status, 0, ran.stderr);
  return copyReport.parse(JSON.parse(ran.stdout));
}
