import type { ImageSource } from '../core/ports.ts';
import { openEngineSource } from '../engine/engine-source.ts';
import { isFar } from '../engine/far-engine.ts';
import { sshSource } from '../engine/ssh-access.ts';
import { engineAt } from './engine-endpoint.ts';
import { pinnedByName } from './pinned-by-name.ts';
import type { SourceEndpoint } from './source-endpoint.ts';
import type { SourcesOptions } from './sources.ts';

/** How engines are named: on this machine, or on another one. */
export type EngineScheme = Extract<SourceEndpoint['scheme'], 'docker' | 'podman' | 'ssh'>;

/**
 * Opens an engine as a source of images. Stands apart from the other sources because it is loaded only where an engine
 * is named: the clients of engines and of SSH are as large as all that an export from registries needs.
 */
export async function openEngine(
  scheme: EngineScheme,
  rest: string,
  { environment, ssh, spoolDir, emit, signal }: SourcesOptions,
): Promise<ImageSource> {
  const place = await engineAt(scheme, rest)(environment);
  const connection = isFar(place) ? await sshSource(place.endpoint, { ssh, emit, signal }) : place;
  return pinnedByName(await openEngineSource(connection, { spoolDir, emit, signal }));
}
