import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { plainWords } from '../core/plain-words.ts';
import type { HostConnection } from '../ssh/host-connection.ts';
import { noAnswer } from './engine-fault.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';
import { systemDocker, tryWay, waysTo, type Way } from './ssh-ways.ts';

/** Milliseconds that an engine may take to answer, by one way. */
const answerWithin = 30_000;

/** A way that does not lead to the engine, and why. */
export interface Failure {
  readonly way: Way;
  readonly why: unknown;
  /** The same in one line. */
  readonly message: string;
}

/** What was found of one way: undefined where it leads to the engine, a failure where it does not. */
export interface TriedWay {
  readonly way: Way;
  readonly failure: Failure | undefined;
}

/** Tries all the ways to an engine. Throws `E_SSH_UNREACHABLE`, `E_ENGINE_UNREACHABLE` for one that is silent, the abort reason. */
export async function tryAllWays(
  connection: HostConnection,
  endpoint: SshEndpoint,
  signal: AbortSignal | undefined,
): Promise<readonly TriedWay[]> {
  const tried: TriedWay[] = [];
  for await (const way of waysTo(connection, endpoint)) {
    const failures = tried.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
    if (await isAnotherEngine(connection, endpoint, way, failures)) continue;
    tried.push({ way, failure: await failureOf(way, endpoint, signal) });
  }
  return tried;
}

/**
 * Tries the ways to an engine until one leads there. Throws `E_ENGINE_DENIED` and `E_ENGINE_UNREACHABLE` with all that was
 * tried, what a broken connection throws, the abort reason.
 */
export async function findWay(
  connection: HostConnection,
  endpoint: SshEndpoint,
  signal: AbortSignal | undefined,
): Promise<{ readonly way: Way; readonly failures: readonly Failure[] }> {
  const failures: Failure[] = [];
  for await (const way of waysTo(connection, endpoint)) {
    if (await isAnotherEngine(connection, endpoint, way, failures)) continue;
    const failure = await failureOf(way, endpoint, signal);
    if (failure === undefined) return { way, failures };
    failures.push(failure);
  }
  throw await noWay(connection, endpoint, failures);
}

/** Tries one way. Throws what ends all of them: a broken connection, an engine that is silent, the abort reason. */
async function failureOf(
  way: Way,
  endpoint: SshEndpoint,
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  signal?.throwIfAborted();
  const patience = AbortSignal.timeout(answerWithin);
  const why = await tryWay(way, signal === undefined ? patience : AbortSignal.any([signal, patience]));
  signal?.throwIfAborted();
  if (why === undefined) return undefined;
  if (why instanceof PackferryError && why.code === 'E_SSH_UNREACHABLE') throw why;
  if (patience.aborted) throw noAnswer(`${endpoint.name}: ${way.name}`, answerWithin);
  return { way, why, message: plainWords(messageOf(why)) };
}

/**
 * Docker is there, but not for this user: then the Podman that the same user may have is not what was meant, unless that
 * was said.
 */
async function isAnotherEngine(
  connection: HostConnection,
  { engine, as, socket }: SshEndpoint,
  { product }: Way,
  failures: readonly Failure[],
): Promise<boolean> {
  if (engine !== undefined || as !== undefined || socket !== undefined || product === 'docker') return false;
  const hasFailed = failures.some(({ way }) => way.socket === systemDocker);
  return hasFailed && (await stateOf(connection, systemDocker)) === 'denied';
}

/** Why no way leads to the engine, as far as commands there can find out. */
export async function noWay(
  connection: HostConnection,
  { name, as, socket, engine }: SshEndpoint,
  failures: readonly Failure[],
): Promise<PackferryError> {
  const sockets = failures.flatMap(({ way }) => (way.socket === undefined ? [] : [way.socket]));
  const states = new Map<string, SocketState>();
  for (const one of new Set(as === undefined ? sockets : [])) states.set(one, await stateOf(connection, one));
  const errors = failures.map(({ way, message }) => {
    return new PackferryError('E_ENGINE_UNREACHABLE', `${way.name}: ${message}`);
  });
  const fail = (code: ErrorCode, why: string, hint: string): PackferryError =>
    new PackferryError(code, `${name}: ${why}`, { hint, errors });

  const found = [...states];
  const [denied] = found.find(([, state]) => state === 'denied') ?? [];
  if (denied !== undefined) {
    const own = engine === undefined ? ' For the Podman of this user: ?engine=podman.' : '';
    return fail(
      'E_ENGINE_DENIED',
      `this user may not use ${denied} there`,
      `There: sudo usermod -aG docker USER (then log in again). Or have the command run by sudo, which must not ask for a password: add ?sudo, or ?as=USER for an engine of another user.${own}`,
    );
  }
  const refusal = failures.find(({ why }) => why instanceof PackferryError && why.code === 'E_ENGINE_DENIED');
  if (refusal !== undefined) {
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
    `Is one installed there, in the PATH that commands over SSH get, and running? Docker: systemctl start docker. Podman needs no service, only its command. ${start}`,
  );
}

type SocketState = 'absent' | 'denied' | 'there' | 'unknown';

async function stateOf(connection: HostConnection, socket: string): Promise<SocketState> {
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
