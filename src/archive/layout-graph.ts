import { PackferryError } from '../core/errors.ts';
import type { Digest } from '../core/digest.ts';
import { limits } from '../core/limits.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import type { ImageIndexEntry } from '../schema/oci.ts';
import { blobFile, readDocument } from './layout-folder.ts';
import { parseIndex } from './oci-documents.ts';

/** Indexes inside indexes, in levels; one is usual. */
const maxLevels = 8;

/**
 * Every manifest and index that these entries lead to, each digest once, an index before what it names. Manifests are
 * not read: an index may name platforms that were left out of the folder. Entries of other types are passed over.
 */
export async function* walkIndexes(
  dir: string,
  entries: readonly ImageIndexEntry[],
  seen = new Set<Digest>(),
  level = 0,
): AsyncGenerator<ImageIndexEntry> {
  for (const entry of entries) {
    const isIndex = isIndexType(entry.mediaType);
    if (seen.has(entry.digest) || !(isIndex || isManifestType(entry.mediaType))) continue;
    seen.add(entry.digest);
    yield entry;
    if (!isIndex) continue;
    const name = blobFile(dir, entry.digest);
    if (level === maxLevels) {
      throw new PackferryError(
        'E_IMAGE_MALFORMED',
        `${name}: indexes nested deeper than ${maxLevels} levels`,
      );
    }
    const index = parseIndex(await readDocument(dir, entry, limits.imageManifest), entry, name);
    yield* walkIndexes(dir, index.manifests, seen, level + 1);
  }
}
