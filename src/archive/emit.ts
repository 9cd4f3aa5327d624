import { Readable } from 'node:stream';
import type { Descriptor } from '../core/image.ts';
import { verified } from '../core/verify-stream.ts';
import type { ArchivePlan } from './plan.ts';
import { endOfArchive, headerBlock, paddingOf } from './tar-frame.ts';

export interface EmitOptions {
  /** Opens a blob's bytes, unverified. */
  readonly openBlob: (blob: Descriptor) => Promise<Readable>;
  /** What the archive holds, for messages: the image's reference. */
  readonly name: string;
  readonly signal?: AbortSignal;
  /** Bytes of blobs that have left so far. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * A planned archive as a stream. Every blob is verified while it passes; on a fault the stream is destroyed before
 * anything of the next member is sent. With the commit record planned last, a receiver that keeps nothing without it
 * therefore keeps nothing unverified.
 */
export function emitArchive(plan: ArchivePlan, options: EmitOptions): Readable {
  return Readable.from(emit(plan, options), {
    objectMode: false,
    highWaterMark: 1024 * 1024,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

async function* emit(plan: ArchivePlan, options: EmitOptions): AsyncGenerator<Buffer> {
  let passed = 0;
  for (const entry of plan.entries) {
    yield headerBlock(entry.name, entry.size);
    if (entry.kind === 'document') {
      yield entry.content;
    } else {
      const name = `${options.name}: blob ${entry.blob.digest}`;
      const content = verified(await options.openBlob(entry.blob), entry.blob, { name });
      for await (const chunk of content as AsyncIterable<Buffer>) {
        passed += chunk.length;
        yield chunk;
        options.onBytes?.(passed);
      }
    }
    const padding = paddingOf(entry.size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield endOfArchive;
}
