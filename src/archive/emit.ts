import { addAbortSignal, PassThrough, pipeline, type Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import { eachDuring } from '../core/each-during.ts';
import type { Descriptor } from '../core/image.ts';
import { verified } from '../core/verify-stream.ts';
import { LayerContent, layerFault } from './layer-content.ts';
import { readPlain } from './plain-layer.ts';
import type { ArchivePlan } from './plan.ts';
import { endOfArchive, headerBlock, paddingOf } from './tar-frame.ts';

export interface EmitOptions {
  /** Opens a blob's bytes, unverified. The signal fires when the archive is no longer wanted. */
  readonly openBlob: (blob: Descriptor, signal: AbortSignal) => Promise<Readable>;
  /** What the archive holds, for messages: the image's reference. */
  readonly name: string;
  readonly signal?: AbortSignal;
  /** Bytes of blobs that have left so far: as they are kept, also where a layer leaves decompressed. */
  readonly onBytes?: (bytes: number) => void;
  /** Awaited between the last blob and the commit record, when that is planned last. What it rejects with ends the archive. */
  readonly beforeCommit?: () => Promise<void>;
  /** Does the waiting for bytes of the source, for whoever counts the time of the receiver. */
  readonly during?: <T>(work: Promise<T>) => Promise<T>;
  /** The diff IDs that a layer is promised to have, by its digest: those that stand here are decompressed and compared. */
  readonly promised?: ReadonlyMap<Digest, readonly Digest[]>;
}

/**
 * A planned archive as a stream. Every blob is verified while it passes; on a fault the stream is destroyed before
 * anything of the next member is sent. With the commit record planned last, a receiver that keeps nothing without it
 * therefore keeps nothing unverified. Errors: `E_SIZE_MISMATCH`, `E_DIGEST_MISMATCH`, `E_IMAGE_MALFORMED` for a layer of
 * other content than promised, and those of `openBlob`.
 */
export function emitArchive(plan: ArchivePlan, options: EmitOptions): Readable {
  const out = new PassThrough({ highWaterMark: 1024 * 1024 });
  // A receiver may leave while a blob hangs; its source is then closed from here, since nothing else would wake it.
  const stop = new AbortController();
  out.once('close', () => stop.abort());
  if (options.signal !== undefined) addAbortSignal(options.signal, out);
  // pipeline destroys `out` with the fault; the callback only keeps it from throwing.
  pipeline(emit(plan, options, stop.signal), out, () => undefined);
  return out;
}

async function* emit(plan: ArchivePlan, options: EmitOptions, stop: AbortSignal): AsyncGenerator<Buffer> {
  let passed = 0;
  const lastBlob = plan.entries.findLastIndex(({ kind }) => kind === 'blob');
  for (const [at, entry] of plan.entries.entries()) {
    if (at === lastBlob + 1) await options.beforeCommit?.();
    yield headerBlock(entry.name, entry.size);
    if (entry.kind === 'document') {
      yield entry.content;
    } else if (entry.plain !== undefined) {
      const before = passed;
      const onRead = (bytes: number): void => void (passed = before + bytes);
      for await (const chunk of readPlain(entry.blob, entry.plain, options, stop, onRead)) {
        yield chunk;
        options.onBytes?.(passed);
      }
    } else {
      for await (const chunk of readBlob(entry.blob, options, stop)) {
        yield chunk;
        passed += chunk.length;
        options.onBytes?.(passed);
      }
    }
    const padding = paddingOf(entry.size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield endOfArchive;
}

/** What is needed to read a blob of an image. */
export type BlobReading = Pick<EmitOptions, 'openBlob' | 'name' | 'promised' | 'during'>;

/**
 * The bytes of one blob, verified while they pass: at a fault they end with it. Where its digest is wrong that may be after the last
 * byte, since an engine keeps a blob by what it is; of a layer that is not what was promised the last bytes are never given,
 * or else an engine could keep it.
 */
export async function* readBlob(
  blob: Descriptor,
  { openBlob, name, promised, during }: BlobReading,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  const promises = promised?.get(blob.digest) ?? [];
  const content = promises.length === 0 ? undefined : new LayerContent(blob);
  const opening = openBlob(blob, stop);
  const source = addAbortSignal(stop, await (during === undefined ? opening : during(opening)));
  const what = `${name}: blob ${blob.digest}`;
  const chunks = verified(source, blob, { name: what }) as AsyncIterable<Buffer>;
  const read = during === undefined ? chunks : eachDuring(chunks, during);
  if (content === undefined) {
    yield* read;
    return;
  }
  let last: Buffer | undefined;
  for await (const chunk of read) {
    await content.write(chunk);
    if (last !== undefined) yield last;
    last = chunk;
  }
  const got = await content.end();
  for (const promise of promises) {
    const fault = layerFault(blob, name, promise, got);
    if (fault !== undefined) throw fault;
  }
  if (last !== undefined) yield last;
}
