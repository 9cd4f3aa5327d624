import { spawn } from 'node:child_process';
import { Writable } from 'node:stream';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { withAskpass } from './askpass.ts';
import { quote } from '../core/quote.ts';
import { decodeSshsig, type SshSignature } from './sshsig.ts';

export interface SshKeygenOptions {
  /** The key file that ssh-keygen is to use. */
  readonly path: string;
  /** The environment of the child; it finds agents and prompts by it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Its prompts ("Confirm user presence") reach a person on our standard error; otherwise they are for the error's text. */
  readonly isInteractive: boolean;
  /** Of the key file; without it ssh-keygen asks for it on the terminal. */
  readonly passphrase?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Longest wait for a person to touch a key or type a PIN, in milliseconds. */
const patience = 300_000;

/**
 * Lets the machine's ssh-keygen sign: for security keys, and whatever else cannot be used in process. The message goes
 * over standard input, for by file name ssh-keygen would write beside it and ask before it overwrites. Throws
 * `E_KEY_UNAVAILABLE`.
 */
export async function signWithSshKeygen(
  options: SshKeygenOptions,
  message: Uint8Array,
  namespace: string,
): Promise<SshSignature> {
  const { env, passphrase } = options;
  return passphrase === undefined
    ? run(options, message, namespace)
    : withAskpass(env, (asking) => run({ ...options, env: asking }, message, namespace));
}

async function run(
  { path, env, isInteractive, passphrase, signal }: SshKeygenOptions,
  message: Uint8Array,
  namespace: string,
): Promise<SshSignature> {
  signal?.throwIfAborted();
  const stopping = AbortSignal.any([
    AbortSignal.timeout(patience),
    ...(signal === undefined ? [] : [signal]),
  ]);
  const child = spawn('ssh-keygen', ['-Y', 'sign', '-f', path, '-n', namespace], {
    stdio: [
      'pipe',
      'pipe',
      isInteractive ? 'inherit' : 'pipe',
      ...(passphrase === undefined ? [] : ['pipe' as const]),
    ],
    env: { ...env },
    signal: stopping,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // It may end before it has read its input; its status tells of that.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(message);
  const [, , , asked] = child.stdio;
  if (asked instanceof Writable) asked.on('error', () => undefined).end(`${passphrase ?? ''}\n`);
  try {
    const [status, output, complaint] = await Promise.all([
      ended,
      readUpTo(child.stdout, limits.signature),
      readUpTo(child.stderr, limits.signature),
    ]);
    if (status !== 0) throw unwilling(path, complaint.toString('utf8'));
    return decodeSshsig(output, `the signature of ssh-keygen`);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PackferryError) throw cause;
    if (systemCodeOf(cause) === 'ENOENT') throw missing(path, cause);
    throw unavailable(
      path,
      stopping.aborted ? 'nobody answered ssh-keygen in time' : messageOf(cause),
      cause,
    );
  } finally {
    child.kill();
  }
}

/** What a stream gives, cut at a limit; the rest is thrown away, for a child that cannot write never ends. */
async function readUpTo(stream: NodeJS.ReadableStream | null, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let left = maxBytes;
  for await (const part of stream ?? []) {
    const bytes = Buffer.from(part).subarray(0, left);
    parts.push(bytes);
    left -= bytes.length;
  }
  return Buffer.concat(parts);
}

function unwilling(path: string, complaint: string): PackferryError {
  const said = complaint.trim();
  return unavailable(
    path,
    said === '' ? 'ssh-keygen did not sign' : `ssh-keygen did not sign: ${quote(said)}`,
  );
}

function missing(path: string, cause: unknown): PackferryError {
  return new PackferryError(
    'E_KEY_UNAVAILABLE',
    `${path}: only ssh-keygen can sign with it, and there is none`,
    {
      hint: 'Install the client of OpenSSH, 8.2 or later, or use another key.',
      cause,
    },
  );
}

function unavailable(path: string, reason: string, cause?: unknown): PackferryError {
  return new PackferryError('E_KEY_UNAVAILABLE', `${path}: ${reason}`, {
    hint: `Try it by hand: ssh-keygen -Y sign -f ${path} -n test < FILE`,
    ...(cause === undefined ? {} : { cause }),
  });
}
