import type { EngineConnection } from '../../engine/connect-engine.ts';
import { parseEngine, reachEngine, type EngineAccess } from '../engine-endpoint.ts';
import type { HostEndpoint } from '../hosts/endpoints.ts';

/** An engine that is known but has not been touched. */
export interface FoundEngine {
  readonly host: HostEndpoint;
  readonly connect: (signal: AbortSignal) => Promise<EngineConnection>;
}

/** Reads the endpoint of an engine; touches nothing. Throws `E_ENDPOINT_INVALID`. */
export function findEngine(host: HostEndpoint, access: EngineAccess): FoundEngine {
  const place = parseEngine(host.url);
  return { host, connect: (signal) => reachEngine(place, { ...access, signal }) };
}

/** Engines that are reached several times by one connection each, which stays until all are closed. */
export class KeptConnections {
  readonly #made = new Set<Promise<EngineConnection>>();

  keep({ host, connect }: FoundEngine): FoundEngine {
    let made: Promise<EngineConnection> | undefined;
    return {
      host,
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
