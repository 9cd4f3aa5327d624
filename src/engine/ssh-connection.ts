import { PackferryError } from '../core/errors.ts';
import { connectSsh, type ConnectOptions } from '../ssh/connect.ts';
import { ChannelRefused, type HostConnection } from '../ssh/host-connection.ts';
import { asSocket } from './command-stream.ts';
import type { EngineConnection } from './connect-engine.ts';
import { prepareDocker } from './docker-api.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';
import { findWay } from './ssh-find-way.ts';
import { freeThere } from './ssh-room.ts';
import type { Way } from './ssh-ways.ts';

/**
 * Connects to an engine on another machine: its socket is forwarded; where that is refused, its own command carries the
 * API (`docker system dial-stdio`); where that does not go either, its own command does everything (`docker load`). Which
 * way was taken is told as a detail. Throws what `connectSsh` throws, `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`.
 */
export async function connectEngineOverSsh(
  endpoint: SshEndpoint,
  options: ConnectOptions,
): Promise<EngineConnection> {
  const { signal } = options;
  // There is time for that while the host is far away.
  prepareDocker();
  const connection = await connectSsh(endpoint.destination, options);
  try {
    return connectionBy(await wayOn(connection, endpoint, options), connection, endpoint);
  } catch (fault) {
    connection.close();
    signal?.throwIfAborted();
    throw fault;
  }
}

/** Finds the way to an engine on a connection, and tells it as a detail. Throws what `findWay` throws. */
export async function wayOn(
  connection: HostConnection,
  endpoint: SshEndpoint,
  { emit, signal }: Pick<ConnectOptions, 'emit' | 'signal'>,
): Promise<Way> {
  const { way, failures } = await findWay(connection, endpoint, signal);
  const before = failures.map((failure) => `; not by ${failure.way.name}: ${failure.message}`).join('');
  emit({ type: 'note', level: 'detail', message: `${endpoint.name}: by ${way.name}${before}` });
  return way;
}

/** An engine, reached in this way over a connection that is closed with it. */
export function connectionBy(way: Way, connection: HostConnection, endpoint: SshEndpoint): EngineConnection {
  const close = (): void => connection.close();
  const freeIn = (folder: string): Promise<number | undefined> => freeThere(connection, folder);
  if (way.kind === 'command') return { ...way.command, close, freeIn };
  const connect = async (): ReturnType<typeof way.open> => {
    try {
      return asSocket(await way.open());
    } catch (fault) {
      throw closedWay(endpoint, way, fault);
    }
  };
  return { name: endpoint.name, kind: 'stream', connect, close, freeIn };
}

/** A way that was open before. */
function closedWay({ name }: SshEndpoint, way: Way, fault: unknown): unknown {
  if (!(fault instanceof ChannelRefused)) return fault;
  return new PackferryError(
    'E_ENGINE_UNREACHABLE',
    `${name}: ${way.name} does not open any more: ${fault.message}`,
    {
      hint: 'Is the engine still up? Look into the log of sshd there (MaxSessions limits commands). Then run again.',
      cause: fault,
    },
  );
}
