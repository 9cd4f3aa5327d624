import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import type { ServedBlob, ServedContent, ServedManifest } from '../core/served.ts';
import type { LayoutEntry } from '../schema/oci-layout.ts';
import { readRange } from './file-range.ts';
import { blobFile, readDocument, regularFileSize } from './layout-folder.ts';
import { walkIndexes } from './layout-graph.ts';
import { referenceOfEntry } from './layout-names.ts';
import { requireLayout } from './oci-layout.ts';

/**
 * What the read-only registry serves of an OCI image layout folder, as `index.json` stands now. Repositories are the
 * names without their registry; of two registries with the same repository the tags are joined, and a tag that stands
 * for two images is `E_TAG_CONFLICT`. Also throws `E_SOURCE_UNREACHABLE` when the folder is no layout.
 */
export async function ociLayoutContent(dir: string): Promise<ServedContent> {
  const index = await requireLayout(dir);
  const repositories = tagsByRepository(dir, index.manifests);
  const manifests = new Map<string, Descriptor>();
  for await (const { mediaType, digest, size } of walkIndexes(dir, index.manifests)) {
    manifests.set(digest, { mediaType, digest, size });
  }
  return {
    repositories: () => Promise.resolve([...repositories.keys()].sort()),
    tags: (repository) => Promise.resolve(sortedKeys(repositories.get(repository))),
    manifest: async (repository, tagOrDigest) => {
      const tags = repositories.get(repository);
      const digest = isDigest(tagOrDigest) ? tagOrDigest : tags?.get(tagOrDigest);
      const descriptor = digest === undefined ? undefined : manifests.get(digest);
      return tags === undefined || descriptor === undefined ? undefined : serveManifest(dir, descriptor);
    },
    blob: async (repository, digest) => (repositories.has(repository) ? serveBlob(dir, digest) : undefined),
  };
}

type Tags = Map<string, Digest>;

function tagsByRepository(dir: string, entries: readonly LayoutEntry[]): Map<string, Tags> {
  const repositories = new Map<string, Tags>();
  for (const entry of entries) {
    const reference = referenceOfEntry(entry);
    if (reference === undefined) continue;
    const { repository, tag } = reference;
    const tags = repositories.get(repository) ?? new Map<string, Digest>();
    repositories.set(repository, tags);
    if (tag === undefined) continue;
    const before = tags.get(tag);
    if (before !== undefined && before !== entry.digest) {
      throw new PackferryError(
        'E_TAG_CONFLICT',
        `oci:${dir}: ${repository}:${tag} stands for ${before} and for ${entry.digest}`,
        { hint: 'A registry has one image per name: keep the others in a folder of their own.' },
      );
    }
    tags.set(tag, entry.digest);
  }
  return repositories;
}

function sortedKeys(tags: Tags | undefined): string[] | undefined {
  return tags === undefined ? undefined : [...tags.keys()].sort();
}

/** The bytes are checked each time; a manifest that an index names but the folder lacks is not served. */
async function serveManifest(dir: string, descriptor: Descriptor): Promise<ServedManifest | undefined> {
  if ((await regularFileSize(blobFile(dir, descriptor.digest))) === undefined) return undefined;
  return { descriptor, bytes: await readDocument(dir, descriptor, limits.imageManifest) };
}

async function serveBlob(dir: string, digest: Digest): Promise<ServedBlob | undefined> {
  // The digest comes from outside: a type is no check.
  if (!isDigest(digest)) return undefined;
  const file = blobFile(dir, digest);
  const size = await regularFileSize(file);
  if (size === undefined) return undefined;
  return { size, open: (from = 0, end = size) => readRange(file, from, end) };
}
