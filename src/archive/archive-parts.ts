import { digestOf, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../core/image.ts';
import type { ArchivePlan } from './plan.ts';
import { endOfArchive, headerBlock, paddingOf } from './tar-frame.ts';

/** A stretch of a planned archive that is known by its digest: a blob, or what stands between two of them. */
export type ArchivePart = { readonly digest: Digest; readonly size: number } & (
  { readonly kind: 'blob'; readonly blob: Descriptor } | { readonly kind: 'frame'; readonly content: Buffer }
);

/**
 * Takes a planned archive apart: its parts, one behind the other, are the archive byte for byte. Headers, padding and
 * documents between two blobs make one part.
 */
export function partsOf(plan: ArchivePlan): ArchivePart[] {
  const parts: ArchivePart[] = [];
  let frame: Buffer[] = [];
  const endFrame = (): void => {
    const content = Buffer.concat(frame);
    parts.push({ kind: 'frame', digest: digestOf(content), size: content.length, content });
    frame = [];
  };
  for (const entry of plan.entries) {
    frame.push(headerBlock(entry.name, entry.size));
    if (entry.kind === 'document') {
      frame.push(entry.content);
    } else {
      endFrame();
      parts.push({ kind: 'blob', digest: entry.blob.digest, size: entry.size, blob: entry.blob });
    }
    frame.push(Buffer.alloc(paddingOf(entry.size)));
  }
  frame.push(endOfArchive);
  endFrame();
  return parts;
}
