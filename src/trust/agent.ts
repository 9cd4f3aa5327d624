import { createConnection, type Socket } from 'node:net';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { type Fail, WireReader, wireString, wireUint32 } from '../core/ssh-keys/wire.ts';

/** An ssh-agent (draft-ietf-sshm-ssh-agent) at a socket, which the edge takes from SSH_AUTH_SOCK. */
export interface AgentOptions {
  readonly socket: string;
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for an answer, in milliseconds: for the list of keys, and for a person to touch or confirm. */
  readonly timeouts?: { readonly list: number; readonly sign: number };
}

export interface AgentKey {
  /** The blob of a public key or certificate. */
  readonly blob: Buffer;
  readonly comment: string;
}

const message = { failure: 5, askKeys: 11, keys: 12, askSignature: 13, signature: 14 } as const;
const rsaSha512 = 4;
const defaultTimeouts = { list: 10_000, sign: 120_000 };
/** More keys than any agent holds. */
const mostKeys = 10_000;

/** The keys that an agent holds. Throws `E_KEY_UNAVAILABLE`. */
export async function listAgentKeys(options: AgentOptions): Promise<AgentKey[]> {
  const { list } = options.timeouts ?? defaultTimeouts;
  const reader = await ask(options, Buffer.of(message.askKeys), message.keys, list);
  const count = reader.uint32('the number of keys');
  if (count > mostKeys) throw agentFault(options)(`it says that it holds ${count} keys`);
  const keys = Array.from({ length: count }, () => {
    const blob = reader.string('a key');
    return { blob, comment: reader.string('a comment').toString('utf8') };
  });
  reader.end('the keys');
  return keys;
}

/** Lets an agent sign: algorithm name and signature, as they stand in SSHSIG. Throws `E_KEY_UNAVAILABLE`. */
export async function signWithAgent(options: AgentOptions, key: Buffer, data: Buffer): Promise<Buffer> {
  const { sign } = options.timeouts ?? defaultTimeouts;
  const request = Buffer.concat([
    Buffer.of(message.askSignature),
    wireString(key),
    wireString(data),
    wireUint32(rsaSha512), // for RSA keys; other types pass over it
  ]);
  const reader = await ask(options, request, message.signature, sign);
  const signature = reader.string('the signature');
  reader.end('the signature');
  return signature;
}

function agentFault({ socket }: AgentOptions): Fail {
  return (reason) =>
    new PackferryError('E_KEY_UNAVAILABLE', `the ssh-agent at ${socket}: ${reason}`, {
      hint: 'See with "ssh-add -l" whether it runs and holds the key.',
    });
}

/** One question on a connection of its own. */
async function ask(
  options: AgentOptions,
  request: Buffer,
  expected: number,
  timeout: number,
): Promise<WireReader> {
  const fail = agentFault(options);
  const { socket: path, signal } = options;
  signal?.throwIfAborted();
  const socket = createConnection({ path });
  const onAbort = (): void => void socket.destroy(asError(signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => socket.destroy(fail(`no answer in ${timeout / 1000} s`)), timeout);
  try {
    socket.write(wireString(request));
    const reader = new WireReader(await readAnswer(socket, fail), fail);
    const kind = reader.byte('its answer');
    if (kind === message.failure) throw fail('it refused; a person may have said no, or the key is locked');
    if (kind !== expected) throw fail(`it gave an answer of the unexpected kind ${kind}`);
    return reader;
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof PackferryError ? cause : fail(messageOf(cause));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

async function readAnswer(socket: Socket, fail: Fail): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of socket as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    const bytes = Buffer.concat(parts);
    const wanted = bytes.length < 4 ? undefined : bytes.readUInt32BE();
    if (wanted !== undefined && wanted > limits.agentMessage)
      throw fail(`its answer is over the limit of ${limits.agentMessage} bytes`);
    if (wanted !== undefined && length >= 4 + wanted) return bytes.subarray(4, 4 + wanted);
  }
  throw fail('it hung up before it answered');
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('stopped');
}
