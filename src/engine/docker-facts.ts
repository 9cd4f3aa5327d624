import * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import type { DockerApi } from './docker-api.ts';
import { askDocker } from './docker-ask.ts';
import { inTime } from './patience.ts';

/** What is known of an engine once it has answered. */
export interface EngineFacts {
  readonly product: 'docker' | 'podman';
  /**
   * What an image ID is: the digest of the config (Docker's classic store, Podman), or of the manifest or index
   * (Docker's containerd store).
   */
  readonly idOf: 'config' | 'manifest';
  /** What the engine tells of itself beyond that, where it does. */
  readonly version?: string;
  readonly apiVersion?: string;
  /** How its store keeps layers, e.g. `overlay2`. */
  readonly driver?: string;
  /** Folder of its images, on its machine. */
  readonly dataRoot?: string;
  readonly isRootless?: boolean;
  /** The name of its machine. */
  readonly host?: string;
  /** What its machine runs without emulation, e.g. `linux` and `amd64`. */
  readonly os?: string;
  readonly architecture?: string;
}

/** Of `GET /version`, and of `docker version`. */
export const versionAnswer = z.object({
  ApiVersion: z.string(),
  Version: z.string().nullish(),
  Os: z.string().nullish(),
  Arch: z.string().nullish(),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});

/** Of `GET /info`, and of `docker info`. */
export const infoAnswer = z.object({
  DriverStatus: z.array(z.array(z.string())).nullish(),
  Driver: z.string().nullish(),
  DockerRootDir: z.string().nullish(),
  Name: z.string().nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  /** Of Podman, which leaves it out of the options. */
  Rootless: z.boolean().nullish(),
});

/** moby, `daemon/containerd/service.go`. */
const containerdDriver = 'io.containerd.snapshotter.v1';

/**
 * Asks an engine what it is. Throws the abort reason, `E_ENGINE_UNREACHABLE` (also when it is silent for
 * `answerWithin` milliseconds), `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL`.
 */
export async function learnFacts(
  api: DockerApi,
  answerWithin: number,
  signal?: AbortSignal,
): Promise<EngineFacts> {
  return inTime(api.name, answerWithin, signal, async (both) => {
    // At the same time: far away each question takes a round trip.
    const [version, info] = await Promise.all([
      askDocker(api, { path: '/version', signal: both }, versionAnswer),
      askDocker(api, { path: '/info', signal: both }, infoAnswer),
    ]);
    return factsFrom(required(api, version), required(api, info));
  });
}

/** What both answers say together. */
export function factsFrom(
  version: z.infer<typeof versionAnswer>,
  info: z.infer<typeof infoAnswer>,
): EngineFacts {
  const isPodman = version.Components?.some(({ Name }) => Name === 'Podman Engine') ?? false;
  const isContainerd =
    info.DriverStatus?.some(([key, value]) => key === 'driver-type' && value === containerdDriver) ?? false;
  return {
    product: isPodman ? 'podman' : 'docker',
    idOf: isContainerd ? 'manifest' : 'config',
    apiVersion: version.ApiVersion,
    isRootless:
      info.Rootless ?? info.SecurityOptions?.some((option) => option.includes('name=rootless')) ?? false,
    ...given('version', version.Version),
    ...given('driver', info.Driver),
    ...given('dataRoot', info.DockerRootDir),
    ...given('host', info.Name),
    ...given('os', version.Os),
    ...given('architecture', version.Arch),
  };
}

/** A fact, unless the engine left it out. */
export function given<K extends string>(
  key: K,
  value: string | null | undefined,
): Partial<Record<K, string>> {
  const facts: Partial<Record<K, string>> = {};
  if (typeof value === 'string' && value !== '') facts[key] = value;
  return facts;
}

function required<T>(api: DockerApi, answer: T | undefined): T {
  if (answer !== undefined) return answer;
  throw new PackferryError('E_ENGINE_PROTOCOL', `${api.name}: what answers there has no Docker API (404)`, {
    hint: 'Is this the socket of Docker or Podman?',
  });
}
