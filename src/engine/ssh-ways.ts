import type { Duplex } from 'node:stream';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { HostConnection, RemoteExit } from '../ssh/host-connection.ts';
import { commandFailed } from './command.ts';
import { openByCommand, type CommandConnection } from './command-engine.ts';
import { ReadyStreams } from './ready-streams.ts';
import { fromRoot, startThere } from './ssh-command.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';

export type Product = 'docker' | 'podman';

/** One way to an engine on another machine. */
export type Way = {
  /** In words, for notes and errors. */
  readonly name: string;
  readonly product: Product;
  /** The socket that it leads to, where it is known. */
  readonly socket: string | undefined;
} & (
  | {
      /** The engine's API: by its forwarded socket, which needs no command there, or by its own command. */
      readonly kind: 'socket' | 'dial';
      readonly open: () => Promise<Duplex>;
      /** What it opens, where any number of streams may be open there. */
      readonly streams?: ReadyStreams;
    }
  | { readonly kind: 'command'; readonly command: CommandConnection }
);

/** Best first. */
const kinds: readonly Way['kind'][] = ['socket', 'dial', 'command'];

/**
 * The ways to try, best first. A forwarded socket needs neither a shell nor a program there, but is opened as the user who
 * has logged in; the engines' own commands find their socket themselves, and sudo can run them. Last come the commands
 * that do without the API: Podman needs no service then, and Docker no `dial-stdio`.
 */
export async function* waysTo(connection: HostConnection, endpoint: SshEndpoint): AsyncGenerator<Way> {
  const first = firstWay(connection, endpoint);
  if (first !== undefined) yield first;
  for (const way of await allWays(connection, endpoint)) if (way.name !== first?.name) yield way;
}

/** The best way, where it is known without asking the machine who the user is there. */
function firstWay(connection: HostConnection, { engine, as, socket }: SshEndpoint): Way | undefined {
  if (as !== undefined || (socket === undefined && engine === 'podman')) return undefined;
  return socketWay(engine ?? 'docker', connection, socket ?? systemDocker);
}

async function allWays(connection: HostConnection, endpoint: SshEndpoint): Promise<Way[]> {
  const { engine, as, socket } = endpoint;
  const usual: Product[] = as === undefined || as === 'root' ? ['docker', 'podman'] : ['podman', 'docker'];
  const isAsked = socket === undefined && as !== 'root';
  const uid = isAsked ? await userIdOf(connection, as) : undefined;
  const ways: Way[] = [];
  for (const one of engine === undefined ? usual : [engine]) {
    const sockets = socket === undefined ? usualSockets(one, uid) : [socket];
    if (as === undefined) ways.push(...sockets.map((place) => socketWay(one, connection, place)));
    ways.push(...dialWays(one, connection, endpoint, sockets), ...commandWays(one, connection, endpoint));
  }
  // A named socket is the same for both engines.
  const named = new Map(ways.reverse().map((way) => [way.name, way]));
  return [...named.values()].reverse().sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

/** `uid` is undefined where nobody knows it. */
function usualSockets(product: Product, uid: string | undefined): string[] {
  const system = product === 'docker' ? systemDocker : '/run/podman/podman.sock';
  if (uid === undefined || uid === '0') return [system];
  const own = `${product === 'docker' ? 'docker' : 'podman/podman'}.sock`;
  // Podman without root is the usual one, Docker without root the rare one.
  const rootless = `/run/user/${uid}/${own}`;
  return product === 'docker' ? [system, rootless] : [rootless, system];
}

/** Where Docker of the machine listens. */
export const systemDocker = '/var/run/docker.sock';

/** Undefined where no command can be run, or the user is not there. */
async function userIdOf(connection: HostConnection, user: string | undefined): Promise<string | undefined> {
  try {
    const { status, stdout } = await connection.run(['id', '-u', ...(user === undefined ? [] : [user])]);
    return status === 0 && /^[0-9]+$/.test(stdout.trim()) ? stdout.trim() : undefined;
  } catch (fault) {
    if (fault instanceof PackferryError) throw fault;
    return undefined;
  }
}

function socketWay(product: Product, connection: HostConnection, socket: string): Way {
  const streams = new ReadyStreams(() => connection.openStreamLocal(socket));
  return {
    name: `the socket ${socket}`,
    kind: 'socket',
    product,
    socket,
    streams,
    open: () => streams.take(),
  };
}

/** As for engines of this machine: sudo asks for nothing, and Podman's store lies in the home of its user. */
function commandLine(
  product: Product,
  as: string | undefined,
  args: readonly string[],
): readonly [string, ...string[]] {
  return as === undefined ? [product, ...args] : ['sudo', '-n', '-H', '-u', as, '--', product, ...args];
}

function dialWays(
  product: Product,
  connection: HostConnection,
  { as, socket }: SshEndpoint,
  sockets: readonly string[],
): Way[] {
  // Docker's client knows its contexts; Podman's has to be told of the socket.
  const places = product === 'podman' ? sockets : [socket];
  return places.map((place) => {
    const argv = [...engineCommand(product, as, place), 'system', 'dial-stdio'];
    const faultOf = (exit: RemoteExit): Error | undefined => dialFault(connection, argv, exit);
    const open = (): Promise<Duplex> => connection.exec(fromRoot(argv), faultOf);
    return { name: `the command "${argv.join(' ')}"`, kind: 'dial', product, socket: place, open };
  });
}

/** How the own command of an engine is called there: as which user, and for the engine at which socket. */
export function engineCommand(
  product: Product,
  as: string | undefined,
  socket: string | undefined,
): readonly [string, ...string[]] {
  const flag = product === 'docker' ? '--host' : '--url';
  return commandLine(product, as, socket === undefined ? [] : [flag, `unix://${socket}`]);
}

function dialFault({ name }: HostConnection, argv: readonly string[], exit: RemoteExit): Error | undefined {
  return exit.status === 0
    ? undefined
    : commandFailed(name, argv, exit.status ?? 'a signal', exit.stderr, 'there');
}

/** Not for a socket that was named: Podman's command knows its storage only. */
function commandWays(product: Product, connection: HostConnection, endpoint: SshEndpoint): Way[] {
  const { name: endpointName, as, socket } = endpoint;
  if (product === 'podman' && socket !== undefined) return [];
  const argv = engineCommand(product, as, socket);
  const command: CommandConnection = {
    ...{ name: endpointName, kind: 'command', product, argv, env: {} },
    startThere: (line) => startThere(connection, line),
  };
  const name = `the command "${argv.join(' ')} load"`;
  return [{ name, kind: 'command', product, socket, command }];
}

/** Milliseconds; whoever tries has less patience. */
const longest = 600_000;

/** What an engine is asked at the same time at first: what it is, then what it has. */
const questionsAtOnce = 8;

/** Does an engine answer this way? Undefined when it does, else why not. */
export async function tryWay(way: Way, within: AbortSignal): Promise<unknown> {
  try {
    if (way.kind === 'command') {
      // The engine is not closed: the connection is that of all ways.
      await openByCommand(way.command, longest, within);
      return undefined;
    }
    const stream = await way.open();
    // What will be asked next needs no round trip then before it can be asked.
    way.streams?.prepare(questionsAtOnce);
    try {
      if (await answers(stream, within)) return undefined;
      way.streams?.close();
      return new Error('what answers there does not speak HTTP');
    } finally {
      stream.destroy();
    }
  } catch (fault) {
    if (way.kind !== 'command') way.streams?.close();
    return fault ?? new Error(messageOf(fault));
  }
}

async function answers(stream: Duplex, within: AbortSignal): Promise<boolean> {
  const onAbort = (): void => void stream.destroy(new Error('no answer in time'));
  within.addEventListener('abort', onAbort, { once: true });
  try {
    stream.write('GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n');
    for await (const chunk of stream as AsyncIterable<Buffer>)
      return chunk.toString('latin1').startsWith('HTTP/');
    return false;
  } finally {
    within.removeEventListener('abort', onAbort);
  }
}
