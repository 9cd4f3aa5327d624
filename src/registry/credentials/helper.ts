import { spawn } from 'node:child_process';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { noteAccount } from '../../core/redact.ts';
import { helperAnswerSchema } from '../../schema/auth-file.ts';
import { interrupted } from '../interrupted.ts';
import { serverOf } from './auth-key.ts';
import type { Credential } from './credential.ts';

/** What a credential helper needs of the world. */
export interface HelperOptions {
  /** The variables that helpers get: PATH, where they are found, HOME and so on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends a helper that is running. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. Default: one minute, for helpers that ask somebody. */
  readonly timeout?: number;
}

type Verb = 'get' | 'store' | 'erase';

/** By the protocol of docker/docker-credential-helpers: the one error that is none. */
const notFound = 'credentials not found in native keychain';
/** By the same protocol, the user name that stands for an identity token. */
const tokenUser = '<token>';

/** Asks `docker-credential-NAME` for the account of a host; undefined when it has none. Throws `E_CREDENTIALS`. */
export async function askHelper(
  name: string,
  host: string,
  options: HelperOptions,
): Promise<Credential | undefined> {
  const { status, stdout } = await run(name, 'get', host, serverOf(host), options);
  if (status !== 0 && stdout.trim() === notFound) return undefined;
  if (status !== 0) throw fault(name, host, `ends with status ${status}`);
  const answer = helperAnswerSchema.safeParse(parseQuietly(stdout));
  if (!answer.success) throw fault(name, host, 'gives no usable answer');
  const { Username: username, Secret: secret } = answer.data;
  if (secret === '') return undefined;
  noteAccount(username, secret);
  const from = programOf(name);
  return username === tokenUser
    ? { kind: 'identity', token: secret, from }
    : { kind: 'password', username, password: secret, from };
}

/** Has a helper keep the account of a host. Throws `E_CREDENTIALS`. */
export async function storeWithHelper(
  name: string,
  host: string,
  { username, password }: { readonly username: string; readonly password: string },
  options: HelperOptions,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: serverOf(host), Username: username, Secret: password });
  const { status } = await run(name, 'store', host, input, options);
  if (status !== 0) throw fault(name, host, `ends with status ${status} when it is to keep the account`);
}

/** Has a helper forget the account of a host. Throws `E_CREDENTIALS`. */
export async function eraseWithHelper(name: string, host: string, options: HelperOptions): Promise<void> {
  const { status, stdout } = await run(name, 'erase', host, serverOf(host), options);
  if (status !== 0 && stdout.trim() !== notFound) {
    throw fault(name, host, `ends with status ${status} when it is to forget the account`);
  }
}

/** The program behind the name of a helper. */
export function programOf(name: string): string {
  return `docker-credential-${name}`;
}

interface Ran {
  readonly status: number;
  readonly stdout: string;
}

/** Runs a helper to its end, without a shell; what it is told goes to its standard input. */
async function run(
  name: string,
  verb: Verb,
  host: string,
  input: string,
  { environment, signal, timeout = 60_000 }: HelperOptions,
): Promise<Ran> {
  // A slash would lead to a program outside PATH.
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw fault(name, host, 'is no name of a helper');
  return new Promise<Ran>((resolve, reject) => {
    const child = spawn(programOf(name), [verb], {
      env: environment,
      stdio: ['pipe', 'pipe', 'ignore'],
      killSignal: 'SIGKILL',
      windowsHide: true,
      ...(signal === undefined ? {} : { signal }),
    });
    const stop = (why: string): void => {
      child.kill('SIGKILL');
      // What the helper itself has started may go on writing.
      child.stdout.destroy();
      reject(fault(name, host, why));
    };
    const timer = setTimeout(() => {
      stop(`gave no answer for ${timeout / 1000} s`);
    }, timeout);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.length > limits.helperAnswer) stop('says more than any helper should');
    });
    child.once('error', (cause) => {
      clearTimeout(timer);
      child.stdout.destroy();
      if (signal?.aborted === true) reject(interrupted(signal, host));
      else reject(fault(name, host, startFault(cause)));
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? 128, stdout });
    });
    // A helper may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function startFault(cause: unknown): string {
  return systemCodeOf(cause) === 'ENOENT'
    ? 'is not on this machine (looked for it in PATH)'
    : `cannot be started: ${messageOf(cause)}`;
}

/** What a helper says is not repeated, since it may be a secret; the hint tells how to see it. */
function fault(name: string, host: string, why: string): PackferryError {
  const program = programOf(name);
  return new PackferryError('E_CREDENTIALS', `${host}: the credential helper ${program} ${why}`, {
    hint: `See what it says: echo ${serverOf(host)} | ${program} get. Or name a file of accounts that does without it: --authfile FILE.`,
  });
}

function parseQuietly(text: string): unknown {
  try {
    return parseStrictJson(Buffer.from(text), { name: 'answer', maxBytes: limits.helperAnswer });
  } catch {
    return undefined;
  }
}
