import type { ImageTarget } from '../../core/ports.ts';
import type { EngineConnection } from '../../engine/connect-engine.ts';
import { isFar } from '../../engine/far-engine.ts';
import { stagedTarget } from '../../engine/ssh-access.ts';
import type { StagedOptions, StageFolder } from '../../engine/stage/staged-target.ts';
import { parseEngine, reachEngine, type EngineAccess } from '../engine-endpoint.ts';
import type { HostEndpoint } from '../hosts/endpoints.ts';

/** An engine that is known but has not been touched. */
export interface FoundEngine {
  readonly host: HostEndpoint;
  readonly connect: (signal: AbortSignal) => Promise<EngineConnection>;
  /** Opens it as a target by way of a folder there; undefined for one that is not reached over SSH. */
  readonly stage?: (
    folder: StageFolder,
    options: Pick<StagedOptions, 'loadIdle' | 'signal'>,
  ) => Promise<ImageTarget | undefined>;
}

/** Reads the endpoint of an engine; touches nothing. Throws `E_ENDPOINT_INVALID`. */
export function findEngine(host: HostEndpoint, access: EngineAccess): FoundEngine {
  const { environment, ssh, emit } = access;
  const locate = parseEngine(host.url);
  return {
    host,
    connect: (signal) => reachEngine(locate, { ...access, signal }),
    stage: async (folder, options) => {
      const place = await locate(environment);
      return isFar(place)
        ? stagedTarget(place.endpoint, { ...options, ssh, stage: folder, emit })
        : undefined;
    },
  };
}

/** Engines that are reached several times by one connection each, which stays until all are closed. */
export class KeptConnections {
  readonly #made = new Set<Promise<EngineConnection>>();

  keep({ connect, ...rest }: FoundEngine): FoundEngine {
    let made: Promise<EngineConnection> | undefined;
    return {
      ...rest,
      connect: async (signal) => {
        const current = (made ??= connect(signal));
        this.#made.add(current);
        try {
          return staying(await current);
        } catch (fault) {
          // Whoever asks next tries it once more.
          if (made === current) made = undefined;
          throw fault;
        }
      },
    };
  }

  async close(): Promise<void> {
    for (const one of await Promise.allSettled(this.#made)) {
      if (one.status === 'fulfilled' && 'close' in one.value) one.value.close();
    }
  }
}

/** One of its users closes only what is his. */
function staying(connection: EngineConnection): EngineConnection {
  return connection.kind === 'stream' || connection.kind === 'command'
    ? { ...connection, close: () => undefined }
    : connection;
}
