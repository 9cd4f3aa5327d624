// The thread behind hash-thread.ts: reads stretches of files as far as it is told to, and hashes them; or bytes that it is given.
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';

/** Hash one stretch of a file on to a place. `id` is the stretch; the descriptor must stay open meanwhile. */
export interface HashRequest {
  readonly id: number;
  readonly fd: number;
  /** Where in the file the stretch starts. */
  readonly from: number;
  readonly to: number;
  /** Of stretches that nobody waits for, the lowest comes first. */
  readonly rank: number;
  /** What is to be answered there: that it was reached, or the hash, which ends with it. */
  readonly answer?: 'reached' | 'digest';
}

/** Hash these bytes on; without any, that was all. Each is answered. */
export interface BytesRequest {
  readonly id: number;
  /** Which bytes belong together. */
  readonly stream: number;
  readonly bytes?: Uint8Array;
}

/** That it was reached, the sha256 in hex, or why there is none. */
export type HashAnswer = { readonly id: number } & (
  { readonly reached: true } | { readonly hex: string } | { readonly fault: Error }
);

interface Stretch {
  readonly hash: Hash;
  reached: number;
  /** The last one. */
  request: HashRequest;
  isAnswered: boolean;
  fault?: Error;
}

const stretches = new Map<number, Stretch>();
const streams = new Map<number, Hash>();
const buffer = Buffer.allocUnsafe(1024 * 1024);

if (parentPort !== null) serve(parentPort);

function serve(port: MessagePort): void {
  const take = (request: HashRequest | BytesRequest): void => {
    if ('stream' in request) port.postMessage(hashBytes(request));
    else takeStretch(request);
  };
  port.on('message', (request: HashRequest | BytesRequest) => {
    take(request);
    for (let next = mostUrgent(); next !== undefined; next = mostUrgent()) {
      advance(next);
      const answer = answerOf(next);
      if (answer !== undefined) port.postMessage(answer);
      // What was asked for meanwhile may be more urgent than what is under way.
      for (let more = receive(port); more !== undefined; more = receive(port)) take(more);
    }
  });
}

function receive(port: MessagePort): HashRequest | BytesRequest | undefined {
  const received = receiveMessageOnPort(port) as { readonly message: HashRequest | BytesRequest } | undefined;
  return received?.message;
}

function hashBytes({ id, stream, bytes }: BytesRequest): HashAnswer {
  const hash = streams.get(stream) ?? createHash('sha256');
  streams.set(stream, hash);
  if (bytes !== undefined) {
    hash.update(bytes);
    return { id, reached: true };
  }
  streams.delete(stream);
  return { id, hex: hash.digest('hex') };
}

function takeStretch(request: HashRequest): void {
  const { id, from } = request;
  const isAnswered = request.answer === undefined;
  const known = stretches.get(id);
  if (known === undefined)
    stretches.set(id, { hash: createHash('sha256'), reached: from, request, isAnswered });
  else Object.assign(known, { request, isAnswered });
}

function mostUrgent(): Stretch | undefined {
  let best: Stretch | undefined;
  for (const each of stretches.values()) {
    if (each.isAnswered && isThere(each)) continue;
    if (best === undefined || rankOf(each) < rankOf(best)) best = each;
  }
  return best;
}

/** Somebody stands still until he has an answer. */
function rankOf({ request, isAnswered }: Stretch): number {
  return isAnswered ? request.rank : -1;
}

function isThere({ reached, request, fault }: Stretch): boolean {
  return reached >= request.to || fault !== undefined;
}

/** Goes on by one step. */
function advance(stretch: Stretch): void {
  if (isThere(stretch)) return;
  const { fd, to } = stretch.request;
  try {
    const read = readSync(fd, buffer, 0, Math.min(buffer.length, to - stretch.reached), stretch.reached);
    if (read === 0) throw new Error('the file became shorter while it was read');
    stretch.hash.update(buffer.subarray(0, read));
    stretch.reached += read;
  } catch (fault) {
    stretch.fault = fault instanceof Error ? fault : new Error(String(fault));
  }
}

/** What there is to say now; undefined when nobody has asked, or it is too early. */
function answerOf(stretch: Stretch): HashAnswer | undefined {
  const { request, fault, hash } = stretch;
  if (stretch.isAnswered || !isThere(stretch)) return undefined;
  const { id, answer } = request;
  stretch.isAnswered = true;
  if (answer === 'digest') stretches.delete(id);
  if (fault !== undefined) return { id, fault };
  return answer === 'digest' ? { id, hex: hash.digest('hex') } : { id, reached: true };
}
