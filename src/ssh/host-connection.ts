import type { Duplex } from 'node:stream';
import { limits } from '../core/limits.ts';

/** How a command ended. */
export interface RemoteExit {
  /** Undefined when a signal ended it, or the connection broke. */
  readonly status: number | undefined;
  /** What it said on stderr, at most `limits.sshWords` bytes of it. */
  readonly stderr: string;
}

/** The far end refused to open a channel: this way is closed, another may be open. */
export class ChannelRefused extends Error {
  override readonly name = 'ChannelRefused';
}

/** A connection to a host, which has let the user in: by this program's own client, or by ssh itself. */
export interface HostConnection {
  /** `ssh://[USER@]HOST[:PORT]`, for messages. */
  readonly name: string;
  /** How the host was known and the user was let in, a line for each, for people. */
  readonly account: readonly string[];
  /** False once it was lost or closed. */
  readonly isOpen: boolean;
  /** Opens a Unix socket of the far machine, as the user there. Throws `ChannelRefused`, `E_SSH_UNREACHABLE`. */
  openStreamLocal(socketPath: string): Promise<Duplex>;
  /**
   * Runs a command: its standard input and output as a stream. `faultOf` is asked when it has ended; a fault destroys the
   * stream. `onWords` gets what it says on stderr, as it comes. Throws `ChannelRefused`, `E_SSH_UNREACHABLE`, `E_USAGE` for
   * arguments with line breaks.
   */
  exec(
    argv: readonly string[],
    faultOf: (exit: RemoteExit) => Error | undefined,
    onWords?: (words: Buffer) => void,
  ): Promise<Duplex>;
  /** Runs a short command without input. Its output may have `limits.sshWords` bytes; what is over that is dropped. */
  run(argv: readonly string[]): Promise<RemoteExit & { readonly stdout: string }>;
  /** Ends everything at once. May be called twice. */
  close(): void;
}

/** `run`, by `exec`. */
export async function runBy(
  exec: HostConnection['exec'],
  argv: readonly string[],
): Promise<RemoteExit & { readonly stdout: string }> {
  let exit: RemoteExit = { status: undefined, stderr: '' };
  const stream = await exec(argv, (ended) => {
    exit = ended;
    return undefined;
  });
  stream.end();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (length < limits.sshWords) chunks.push(chunk);
    length += chunk.length;
  }
  return { ...exit, stdout: Buffer.concat(chunks).subarray(0, limits.sshWords).toString('utf8') };
}

/** Keeps the beginning of what a command says on stderr. */
export class Words {
  readonly #parts: Buffer[] = [];
  #length = 0;

  add(chunk: Buffer): void {
    const taken = chunk.subarray(0, Math.max(0, limits.sshWords - this.#length));
    if (taken.length === 0) return;
    this.#length += taken.length;
    this.#parts.push(taken);
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}
