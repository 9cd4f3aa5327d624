import type { Duplex } from 'node:stream';
import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { plainWords } from '../core/plain-words.ts';
import { connectSsh, type ConnectOptions } from '../ssh/connect.ts';
import { ChannelRefused, type SshConnection } from '../ssh/connection.ts';
import type { StreamConnection } from './docker-connection.ts';
import { noAnswer } from './engine-fault.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';
import { tryWay, waysTo, type Way } from './ssh-ways.ts';

/** Milliseconds that an engine may take to answer, by one way. */
const answerWithin = 30_000;

/**
 * Connects to an engine on another machine: its socket is forwarded; where that is refused, its own command carries the
 * API (`docker system dial-stdio`). What was taken is told. Throws what `connectSsh` throws, `E_ENGINE_UNREACHABLE`,
 * `E_ENGINE_DENIED`.
 */
export async function connectEngineOverSsh(
  endpoint: SshEndpoint,
  options: ConnectOptions,
): Promise<StreamConnection> {
  const connection = await connectSsh(endpoint.destination, options);
  try {
    const { connect } = await engineOn(connection, endpoint, options);
    return { name: endpoint.name, kind: 'stream', connect, close: () => connection.close() };
  } catch (fault) {
    connection.close();
    options.signal?.throwIfAborted();
    throw fault;
  }
}

/** A way to an engine on a connection that stands. */
export interface EngineOnHost {
  readonly connect: () => Promise<Duplex>;
  /** The socket that it leads to, where it is known. */
  readonly socket: string | undefined;
}

/** Finds the way on a connection; throws as `connectEngineOverSsh` does. */
export async function engineOn(
  connection: SshConnection,
  endpoint: SshEndpoint,
  { emit, signal }: Pick<ConnectOptions, 'emit' | 'signal'>,
): Promise<EngineOnHost> {
  const way = await findWay(connection, endpoint, emit, signal);
  const connect = async (): Promise<Duplex> => {
    try {
      return asSocket(await way.open());
    } catch (fault) {
      throw closedWay(endpoint, way, fault);
    }
  };
  return { connect, socket: way.socket };
}

/** What Node's client calls of a socket and streams do not have. All of it is about sockets only. */
function asSocket(stream: Duplex): Duplex {
  const same = (): Duplex => stream;
  return Object.assign(stream, {
    ...{ setKeepAlive: same, setNoDelay: same, setTimeout: same, ref: same, unref: same },
    destroySoon: () => stream.destroy(),
  });
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

interface Failure {
  readonly way: Way;
  readonly why: unknown;
}

async function findWay(
  connection: SshConnection,
  endpoint: SshEndpoint,
  emit: Emit,
  signal: AbortSignal | undefined,
): Promise<Way> {
  const failures: Failure[] = [];
  for (const way of await waysTo(connection, endpoint)) {
    signal?.throwIfAborted();
    const patience = AbortSignal.timeout(answerWithin);
    const why = await tryWay(way, signal === undefined ? patience : AbortSignal.any([signal, patience]));
    if (why === undefined) {
      emit({ type: 'note', level: 'info', message: `${endpoint.name}: by ${way.name}` });
      return way;
    }
    if (why instanceof PackferryError && why.code === 'E_SSH_UNREACHABLE') throw why;
    if (patience.aborted) throw noAnswer(`${endpoint.name}: ${way.name}`, answerWithin);
    failures.push({ way, why });
  }
  throw await noWay(connection, endpoint, failures);
}

/** Why no way leads to the engine, as far as commands there can find out. */
async function noWay(
  connection: SshConnection,
  { name, as, socket }: SshEndpoint,
  failures: readonly Failure[],
): Promise<PackferryError> {
  const sockets = failures.flatMap(({ way }) => (way.socket === undefined ? [] : [way.socket]));
  const states = new Map<string, SocketState>();
  for (const one of new Set(as === undefined ? sockets : [])) states.set(one, await stateOf(connection, one));
  const errors = failures.map(
    ({ way, why }) =>
      new PackferryError('E_ENGINE_UNREACHABLE', `${way.name}: ${plainWords(messageOf(why))}`),
  );
  const fail = (code: ErrorCode, why: string, hint: string): PackferryError =>
    new PackferryError(code, `${name}: ${why}`, { hint, errors });

  const found = [...states];
  const [denied] = found.find(([, state]) => state === 'denied') ?? [];
  if (denied !== undefined) {
    return fail(
      'E_ENGINE_DENIED',
      `this user may not use ${denied} there`,
      'There: sudo usermod -aG docker USER (then log in again). Or have the command run by sudo, which must not ask for a password: add ?sudo, or ?as=USER for an engine of another user.',
    );
  }
  if (failures.some(({ why }) => why instanceof PackferryError && why.code === 'E_ENGINE_DENIED')) {
    return fail(
      'E_ENGINE_DENIED',
      'the engine is there, and this user may not use it',
      'sudo must run the command without a password. In sudoers there: USER ALL=(ALL) NOPASSWD: /usr/bin/docker system dial-stdio (or the command that is named above).',
    );
  }
  const [open] = found.find(([, state]) => state === 'there') ?? [];
  if (open !== undefined) {
    return fail(
      'E_ENGINE_UNREACHABLE',
      `${open} is there, but sshd does not forward to it, or the engine is down`,
      'Allow it in sshd_config there (AllowStreamLocalForwarding yes), or install the docker command there, whose dial-stdio does the same. Is the engine up?',
    );
  }
  const start = socket === undefined ? 'Another path is given by ?socket=/PATH.' : 'Is the path right?';
  return fail(
    'E_ENGINE_UNREACHABLE',
    'no Docker or Podman answers there',
    `Is one running there? Docker: systemctl start docker. Podman: systemctl start podman.socket, or with --user and loginctl enable-linger for one without root. ${start}`,
  );
}

type SocketState = 'absent' | 'denied' | 'there' | 'unknown';

async function stateOf(connection: SshConnection, socket: string): Promise<SocketState> {
  const succeeds = async (argv: readonly string[]): Promise<boolean> =>
    (await connection.run(argv)).status === 0;
  try {
    if (!(await succeeds(['true']))) return 'unknown';
    if (!(await succeeds(['test', '-S', socket]))) return 'absent';
    return (await succeeds(['test', '-w', socket])) ? 'there' : 'denied';
  } catch (fault) {
    if (fault instanceof PackferryError) throw fault;
    return 'unknown';
  }
}
