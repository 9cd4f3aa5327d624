import type { Descriptor } from '../core/image.ts';
import type { ArchivePlan, PlannedEntry } from './plan.ts';
import { endOfArchive, headerBlock, paddingOf } from './tar-frame.ts';

/** What a stretch of an archive holds. `end`: the two closing zero blocks. */
export type RegionKind = 'header' | 'document' | 'blob' | 'padding' | 'end';

/** A stretch of a planned archive; `bytes` is what must stand there, for all but blobs. */
export type Region = {
  /** The member's name, or `endName`. */
  readonly entry: string;
  readonly offset: number;
  readonly size: number;
} & (
  | { readonly kind: Exclude<RegionKind, 'blob'>; readonly bytes: Buffer }
  | { readonly kind: 'blob'; readonly blob: Descriptor }
);

/** Stands for the member's name in the region behind the last member. */
export const endName = 'end of archive';

/** Every stretch of a planned archive in order, without a gap. */
export function* regionsOf(plan: ArchivePlan): Generator<Region, undefined> {
  for (const entry of plan.entries) {
    const { name, size, headerOffset, dataOffset } = entry;
    const header = headerBlock(name, size);
    yield { kind: 'header', entry: name, offset: headerOffset, size: header.length, bytes: header };
    yield contentOf(entry);
    const padding = Buffer.alloc(paddingOf(size));
    const end = dataOffset + size;
    if (padding.length > 0)
      yield { kind: 'padding', entry: name, offset: end, size: padding.length, bytes: padding };
  }
  const { endOffset } = plan;
  const bytes = endOfArchive;
  yield { kind: 'end', entry: endName, offset: endOffset, size: bytes.length, bytes };
}

function contentOf(entry: PlannedEntry): Region {
  const place = { entry: entry.name, offset: entry.dataOffset, size: entry.size };
  return entry.kind === 'document'
    ? { kind: 'document', ...place, bytes: entry.content }
    : { kind: 'blob', ...place, blob: entry.blob };
}

/** Where the content of the blob ends that a byte belongs to; the byte itself when it is of no blob. */
export function endOfBlobAt({ entries }: ArchivePlan, offset: number): number {
  const entry = entries.find(
    ({ kind, dataOffset, size }) => kind === 'blob' && dataOffset <= offset && offset < dataOffset + size,
  );
  return entry === undefined ? offset : entry.dataOffset + entry.size;
}
