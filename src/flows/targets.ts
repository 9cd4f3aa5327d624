import { asPackferryError, PackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import type { ImageTarget } from '../core/ports.ts';
import { openOciTarget } from '../archive/oci-target.ts';
import { openDockerTarget } from '../engine/docker-target.ts';
import { findDocker, findPodman } from '../engine/docker-connection.ts';
import { sshTarget, stagedTarget, type SshAccess } from '../engine/ssh-access.ts';
import { parseSshEndpoint } from '../engine/ssh-endpoint.ts';
import type { StageFolder } from '../engine/stage/staged-target.ts';
import type { RegistrySourceOptions } from '../registry/options.ts';
import { parseEndpointUrl, type EndpointRole } from './endpoint-url.ts';
import { registryBase } from './source-endpoint.ts';

export interface EndpointOptions {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What is set for registries; asked for when one of them is a target. Default: nothing. */
  readonly registries?: () => Promise<RegistrySourceOptions>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  /** Brings images to engines over SSH by way of a folder there; in one stream where this is absent. */
  readonly stage?: StageFolder;
  readonly emit?: Emit;
}

/** A target that is known but has not been touched. */
export type FoundTarget = (signal: AbortSignal) => Promise<ImageTarget>;

/** Reads endpoint URLs; touches nothing. Throws `E_ENDPOINT_INVALID` with every one that names no target. */
export async function findTargets(
  urls: readonly string[],
  options: EndpointOptions,
): Promise<readonly FoundTarget[]> {
  return allOf(urls.map((url) => findTarget(url, options)));
}

/** Opens targets, all or none. Throws what those say that cannot be used. */
export async function openTargets(
  found: readonly FoundTarget[],
  signal: AbortSignal,
): Promise<readonly ImageTarget[]> {
  const opening = found.map((open) => open(signal));
  try {
    return await allOf(opening);
  } catch (fault) {
    const opened = await Promise.allSettled(opening);
    await closeTargets(opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
    throw fault;
  }
}

/** Closes all, also when one of them fails to. */
export async function closeTargets(targets: readonly ImageTarget[]): Promise<void> {
  await Promise.allSettled(targets.map((target) => target.close()));
}

const role: EndpointRole<'docker' | 'podman' | 'ssh' | 'oci' | 'registry'> = {
  noun: 'target',
  schemes: ['docker', 'podman', 'ssh', 'oci', 'registry'],
  examples:
    'Targets are docker:, docker:unix:///PATH, docker:tcp://HOST:PORT, docker:?sudo, docker:?as=USER, the same with podman:, ssh://[USER@]HOST, oci:DIR, and registry://HOST[:PORT][/PREFIX].',
};

async function findTarget(url: string, options: EndpointOptions): Promise<FoundTarget> {
  const { environment, registries, ssh, stage, emit = silent } = options;
  const { scheme, rest } = parseEndpointUrl(url, role);
  if (scheme === 'registry') return findRegistry(registryBase(url, rest), await registries?.());
  if (scheme === 'ssh') {
    const endpoint = parseSshEndpoint(rest);
    if (stage !== undefined) return (signal) => stagedTarget(endpoint, { ssh, stage, emit, signal });
    return async (signal) => openDockerTarget(await sshTarget(endpoint, { ssh, emit, signal }), { signal });
  }
  if (scheme !== 'oci') {
    const find = scheme === 'docker' ? findDocker : findPodman;
    const connection = await find(url, environment);
    return (signal) => openDockerTarget(connection, { signal });
  }
  if (rest !== '') return () => openOciTarget(rest);
  throw new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(url)} names no folder`, {
    hint: role.examples,
  });
}

/** The client is loaded only where it is needed. */
async function findRegistry(base: string, options: RegistrySourceOptions = {}): Promise<FoundTarget> {
  if (base === '') {
    throw new PackferryError('E_ENDPOINT_INVALID', '"registry:" names no host that images could go to', {
      hint: role.examples,
    });
  }
  const { openRegistryTarget } = await import('../registry/push/target.ts');
  return () => Promise.resolve(openRegistryTarget(base, options));
}

/** Waits for all; what failed is told together. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(work);
  const errors = ended.flatMap((each) => (each.status === 'rejected' ? [asPackferryError(each.reason)] : []));
  const [first] = errors;
  if (first === undefined) return Promise.all(work);
  if (errors.length === 1) throw first;
  throw new PackferryError(first.code, `${errors.length} of ${work.length} targets cannot be used`, {
    errors,
  });
}
