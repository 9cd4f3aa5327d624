import type { Duplex } from 'node:stream';
import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { plainWords } from '../core/plain-words.ts';
import type { RemoteExit, SshConnection } from '../ssh/connection.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';

/** One way to an engine's API on another machine. */
export interface Way {
  /** In words, for notes and errors. */
  readonly name: string;
  readonly open: () => Promise<Duplex>;
  /** Does it go without any command there? */
  readonly isForwarded: boolean;
  /** The socket that it leads to, where it is known. */
  readonly socket: string | undefined;
}

type Engine = 'docker' | 'podman';

/**
 * The ways to try, best first. A forwarded socket needs neither a shell nor a program there, but is opened as the user who
 * has logged in; the engines' own commands find their socket themselves, and sudo can run them.
 */
export async function waysTo(connection: SshConnection, endpoint: SshEndpoint): Promise<Way[]> {
  const { engine, as } = endpoint;
  const usual: Engine[] = as === undefined || as === 'root' ? ['docker', 'podman'] : ['podman', 'docker'];
  const engines = engine === undefined ? usual : [engine];
  const ways: Way[][] = [];
  for (const one of engines) {
    const sockets = await socketsOf(one, connection, endpoint);
    const forwarded = as === undefined ? sockets.map((socket) => socketWay(connection, socket)) : [];
    ways.push([...forwarded, ...commandWays(one, connection, endpoint, sockets)]);
  }
  const all = ways.flat();
  // A named socket is the same for both engines.
  const named = new Map(all.map((way) => [way.name, way]));
  return [...named.values()].sort((a, b) => Number(b.isForwarded) - Number(a.isForwarded));
}

async function socketsOf(
  engine: Engine,
  connection: SshConnection,
  { as, socket }: SshEndpoint,
): Promise<string[]> {
  if (socket !== undefined) return [socket];
  const system = engine === 'docker' ? '/var/run/docker.sock' : '/run/podman/podman.sock';
  if (as === 'root') return [system];
  const own = `${engine === 'docker' ? 'docker' : 'podman/podman'}.sock`;
  const uid = await userIdOf(connection, as);
  if (uid === undefined || uid === '0') return [system];
  // Podman without root is the usual one, Docker without root the rare one.
  const rootless = `/run/user/${uid}/${own}`;
  return engine === 'docker' ? [system, rootless] : [rootless, system];
}

/** Undefined where no command can be run, or the user is not there. */
async function userIdOf(connection: SshConnection, user: string | undefined): Promise<string | undefined> {
  try {
    const { status, stdout } = await connection.run(['id', '-u', ...(user === undefined ? [] : [user])]);
    return status === 0 && /^[0-9]+$/.test(stdout.trim()) ? stdout.trim() : undefined;
  } catch (fault) {
    if (fault instanceof PackferryError) throw fault;
    return undefined;
  }
}

function socketWay(connection: SshConnection, socket: string): Way {
  return {
    name: `the socket ${socket}`,
    open: () => connection.openStreamLocal(socket),
    isForwarded: true,
    socket,
  };
}

function commandWays(
  engine: Engine,
  connection: SshConnection,
  { as, socket }: SshEndpoint,
  sockets: readonly string[],
): Way[] {
  // Docker's client knows its contexts; Podman's has to be told of the socket.
  const places = engine === 'podman' ? sockets : [socket];
  return places.map((place) => {
    const argv = [...engineCommand(engine, as, place), 'system', 'dial-stdio'];
    const name = `the command "${argv.join(' ')}"`;
    const faultOf = (exit: RemoteExit): Error | undefined => commandFault(connection, name, exit);
    return { name, open: () => connection.exec(argv, faultOf), isForwarded: false, socket: place };
  });
}

/** How the own command of an engine is called there: as which user, and for the engine at which socket. */
export function engineCommand(engine: Engine, as: string | undefined, socket: string | undefined): string[] {
  const sudo = as === undefined ? [] : ['sudo', '-n', '-u', as, '--'];
  const flag = engine === 'docker' ? '--host' : '--url';
  return [...sudo, engine, ...(socket === undefined ? [] : [flag, `unix://${socket}`])];
}

function commandFault({ name: host }: SshConnection, name: string, exit: RemoteExit): Error | undefined {
  if (exit.status === 0) return undefined;
  const words = plainWords(exit.stderr);
  const code: ErrorCode = /permission denied|password is required|not allowed|not in the sudoers/i.test(words)
    ? 'E_ENGINE_DENIED'
    : 'E_ENGINE_UNREACHABLE';
  const how = exit.status === undefined ? 'was ended by a signal' : `ended with status ${exit.status}`;
  return new PackferryError(code, `${host}: ${name} ${how}: ${words}`, {
    hint: 'Run that command there by hand, as the same user, to see what is missing.',
  });
}

/** Does an engine answer this way? Undefined when it does, else why not. */
export async function tryWay(way: Way, within: AbortSignal): Promise<unknown> {
  let stream: Duplex | undefined;
  try {
    stream = await way.open();
    const answered = await answers(stream, within);
    return answered ? undefined : new Error('what answers there does not speak HTTP');
  } catch (fault) {
    return fault ?? new Error(messageOf(fault));
  } finally {
    stream?.destroy();
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
