import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/image.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { isIndexType, isManifestType, mediaTypes } from '../../core/media-types.ts';
import { platformFrom, type Platform } from '../../core/platform.ts';
import { saveIndexSchema } from '../../schema/docker-save.ts';
import type { LayoutEntry } from '../../schema/oci-layout.ts';
import type { ImageIndexEntry, ImageManifestDocument } from '../../schema/oci.ts';
import { layoutName, referenceOfEntry } from '../layout-names.ts';
import { parseIndex, parseManifest, validate } from '../oci-documents.ts';
import { blobPath } from '../save-documents.ts';
import type { SaveFiles } from './read-save.ts';
import type { SaveFile } from './save-file.ts';

/** A manifest of one image that `index.json` leads to, and that is in the archive. */
export interface GraphManifest {
  readonly descriptor: Descriptor;
  readonly document: ImageManifestDocument;
  /** As the index that holds it says; the config may know better. */
  readonly platform: Platform | undefined;
  /** The digests that lead to it, its own included. */
  readonly digests: readonly Digest[];
  /** The full names of the entries of `index.json` that lead to it. */
  readonly names: readonly string[];
}

/** Indexes inside indexes, in levels. */
const maxLevels = 8;

/** What the indexes of one archive name, there or not; what is named twice counts twice. */
const maxVisits = 50_000;

/**
 * Every image manifest that the OCI side of a save holds. Documents that an index names and the archive leaves out are
 * passed over: engines save one platform of several. Manifests that are broken are passed over as well where there is
 * a `manifest.json`, which tells the same (Docker 25.0 wrote such).
 */
export function readGraph(save: SaveFiles): GraphManifest[] {
  const file = save.files.get('index.json');
  if (file === undefined || save.files.get('oci-layout') === undefined) return [];
  const name = `${save.archive}: index.json`;
  const value = parseStrictJson(documentOf(file, name), { name, maxBytes: limits.layoutIndex });
  const entries = validate(saveIndexSchema, value, name).manifests ?? [];
  refuseTwoMeanings(save.archive, entries);
  const found: GraphManifest[] = [];
  const walk: Walk = { save, found, visits: maxVisits, manifests: new Map(), indexes: new Map() };
  for (const entry of entries) visit(walk, entry, namesOf(entry), []);
  return found;
}

/** The content of a file that has to be a JSON document. */
export function documentOf(file: SaveFile, name: string): Buffer {
  if (file.bytes !== undefined) return file.bytes;
  throw new PackferryError(
    'E_IMAGE_MALFORMED',
    `${name}: no JSON document, or one too many to be held in memory`,
  );
}

interface Walk {
  readonly save: SaveFiles;
  readonly found: GraphManifest[];
  visits: number;
  /** Each is read once, however often it is named; undefined for a manifest that is broken. */
  readonly manifests: Map<string, ImageManifestDocument | undefined>;
  readonly indexes: Map<string, ReturnType<typeof parseIndex>>;
}

function visit(walk: Walk, entry: ImageIndexEntry, names: readonly string[], above: readonly Digest[]): void {
  const { save, found } = walk;
  const { mediaType, digest, size } = entry;
  const file = save.files.get(blobPath(entry));
  const name = `${save.archive}: ${blobPath(entry)}`;
  walk.visits -= 1;
  if (above.length === maxLevels || walk.visits < 0) {
    throw new PackferryError('E_IMAGE_MALFORMED', `${name}: too many indexes in each other`);
  }
  if (file?.bytes === undefined || above.includes(digest)) return;
  const digests = [...above, digest];
  const key = `${mediaType} ${digest} ${size}`;
  if (isIndexType(mediaType)) {
    const index = walk.indexes.get(key) ?? parseIndex(file.bytes, entry, name);
    walk.indexes.set(key, index);
    for (const member of index.manifests) visit(walk, member, names, digests);
  } else if (isManifestType(mediaType)) {
    const { manifests } = walk;
    if (!manifests.has(key)) manifests.set(key, readManifest(save, file.bytes, entry, name));
    const document = manifests.get(key);
    if (document === undefined) return;
    const { mediaType: configType } = document.config;
    if (configType !== mediaTypes.ociConfig && configType !== mediaTypes.dockerConfig) return;
    const platform = platformFrom(entry.platform);
    found.push({ descriptor: { mediaType, digest, size }, document, platform, digests, names });
  }
}

/** Undefined for one that is broken, where `manifest.json` tells what it should have told. */
function readManifest(
  save: SaveFiles,
  bytes: Buffer,
  entry: Descriptor,
  name: string,
): ImageManifestDocument | undefined {
  try {
    return parseManifest(bytes, entry, name);
  } catch (fault) {
    if (fault instanceof PackferryError && save.files.has('manifest.json')) return undefined;
    throw fault;
  }
}

function namesOf(entry: LayoutEntry): string[] {
  const reference = referenceOfEntry(entry);
  return reference === undefined ? [] : [layoutName(reference)];
}

function refuseTwoMeanings(archive: string, entries: readonly LayoutEntry[]): void {
  const meanings = new Map<string, Digest>();
  for (const entry of entries) {
    for (const name of namesOf(entry)) {
      const before = meanings.get(name) ?? entry.digest;
      if (before !== entry.digest) {
        throw new PackferryError(
          'E_ARCHIVE_MALFORMED',
          `${archive}: index.json: ${name} stands for ${before} and for ${entry.digest}`,
          { hint: 'Save the images again, each name once.' },
        );
      }
      meanings.set(name, entry.digest);
    }
  }
}
