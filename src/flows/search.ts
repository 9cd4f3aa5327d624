import type { Emit } from '../core/events.ts';
import { openIndex } from '../pack/image-metadata/open-index.ts';
import { findImages, type Match, type Query } from '../pack/image-metadata/query.ts';
import { noMetadataIn, requireMetadataFolder } from './metadata-folder.ts';
import { byRevision, parseVendorTag } from '../pack/update-version.ts';
// Not by way of the schemas: loading their library takes a third of a search.
import { reportVersion } from '../schema/versions.ts';
import type { SearchReport } from '../schema/reports-tags.ts';

export interface SearchOptions {
  /** A copy of the vendor's image metadata. */
  readonly metadata: string;
  /** Where the index of it is kept between runs. */
  readonly cacheFolder: string;
  readonly query: Query;
  /** Every tag that matches; otherwise the newest one of each image. */
  readonly allTags: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Finds images by what is in them. Those that were built last come first. Throws `E_USAGE` for a folder without image
 * metadata and for a query that makes no sense.
 */
export async function searchImages(options: SearchOptions): Promise<SearchReport> {
  const { metadata, query, allTags, emit } = options;
  await requireMetadataFolder('--metadata', metadata);
  const index = await openIndex(metadata, options);
  const { skipped, skippedNames } = index;
  if (skipped > 0) {
    const more = skipped > skippedNames.length ? ', ...' : '';
    const message = `${skipped} of the md files are no image metadata and were skipped: ${skippedNames.join(', ')}${more}`;
    emit({ type: 'note', level: 'warning', message });
  }
  if (index.images.length === 0) throw noMetadataIn('--metadata', metadata);
  const byImage = new Map<string, Match[]>();
  for (const match of findImages(index, query)) {
    const { image } = match.image;
    const known = byImage.get(image);
    if (known === undefined) byImage.set(image, [match]);
    else known.push(match);
  }
  const rows = [...byImage.values()].flatMap((matches) => {
    const sorted = matches.sort(newestFirst);
    return allTags
      ? sorted.map((match) => rowOf(match, 0))
      : sorted.slice(0, 1).map((match) => rowOf(match, sorted.length - 1));
  });
  return {
    schemaVersion: reportVersion,
    folder: metadata,
    images: rows.sort(latestFirst),
    searched: index.images.length,
    skipped,
  };
}

/** By revision where both tags have one; those without come last, among themselves by their time. */
function newestFirst({ image: a }: Match, { image: b }: Match): number {
  const [left, right] = [parseVendorTag(a.tag), parseVendorTag(b.tag)];
  if (left !== undefined && right !== undefined) return byRevision(right, left);
  if (left !== undefined || right !== undefined) return left === undefined ? 1 : -1;
  return compare(b.created ?? '', a.created ?? '');
}

type Row = SearchReport['images'][number];

function rowOf({ image: { image, tag, bytes, created, python }, packages }: Match, older: number): Row {
  return {
    reference: `${image}:${tag}`,
    ...(bytes === undefined ? {} : { bytes }),
    ...(created === undefined ? {} : { created }),
    ...(python === undefined ? {} : { python }),
    packages: packages.map(({ kind, name, version }) => ({ kind, name, version })),
    older,
  };
}

function latestFirst(a: Row, b: Row): number {
  return compare(b.created ?? '', a.created ?? '') || compare(a.reference, b.reference);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
