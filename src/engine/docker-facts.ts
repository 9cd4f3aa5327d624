import type { IncomingHttpHeaders } from 'node:http';
import * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import type { DockerApi } from './docker-api.ts';
import { askDocker, askHead } from './docker-ask.ts';
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

/** Of `docker version`. */
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
  ServerVersion: z.string().nullish(),
  OSType: z.string().nullish(),
  Architecture: z.string().nullish(),
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
    // At the same time: far away each question takes a round trip. What /version tells stands in these two as well; Podman 4 has
    // the packages of the machine looked through for it, which takes a third of a second.
    const [ping, info] = await Promise.all([
      askHead(api, { path: '/_ping', signal: both }),
      askDocker(api, { path: '/info', signal: both }, infoAnswer),
    ]);
    const apiVersion = ping?.['api-version'];
    if (typeof apiVersion !== 'string' || info === undefined) throw noApi(api);
    return factsOf(info, { ...ping, 'api-version': apiVersion });
  });
}

/** What `GET /info` says, and the head of `GET /_ping`. */
function factsOf(
  info: z.infer<typeof infoAnswer>,
  ping: IncomingHttpHeaders & { readonly 'api-version': string },
): EngineFacts {
  const architecture = info.Architecture ?? '';
  return {
    product: 'libpod-api-version' in ping ? 'podman' : 'docker',
    apiVersion: ping['api-version'],
    ...stateFrom(info),
    ...given('version', info.ServerVersion),
    ...given('os', info.OSType),
    ...given('architecture', architectures.get(architecture) ?? architecture),
  };
}

/** The names that Go has for what Docker calls by the names of the kernel; Podman uses Go's. */
const architectures: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
  ['armv6l', 'arm'],
  ['armv7l', 'arm'],
  ['armv8l', 'arm'],
  ['i386', '386'],
  ['i686', '386'],
  ['loongarch64', 'loong64'],
]);

/** What `docker version` and `docker info` say together. */
export function factsFrom(
  version: z.infer<typeof versionAnswer>,
  info: z.infer<typeof infoAnswer>,
): EngineFacts {
  const isPodman = version.Components?.some(({ Name }) => Name === 'Podman Engine') ?? false;
  return {
    product: isPodman ? 'podman' : 'docker',
    apiVersion: version.ApiVersion,
    ...stateFrom(info),
    ...given('version', version.Version),
    ...given('os', version.Os),
    ...given('architecture', version.Arch),
  };
}

function stateFrom(info: z.infer<typeof infoAnswer>): Omit<EngineFacts, 'product'> {
  const isContainerd =
    info.DriverStatus?.some(([key, value]) => key === 'driver-type' && value === containerdDriver) ?? false;
  return {
    idOf: isContainerd ? 'manifest' : 'config',
    isRootless:
      info.Rootless ?? info.SecurityOptions?.some((option) => option.includes('name=rootless')) ?? false,
    ...given('driver', info.Driver),
    ...given('dataRoot', info.DockerRootDir),
    ...given('host', info.Name),
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

function noApi({ name }: DockerApi): PackferryError {
  return new PackferryError('E_ENGINE_PROTOCOL', `${name}: what answers there has no Docker API`, {
    hint: 'Is this the socket of Docker or Podman?',
  });
}
