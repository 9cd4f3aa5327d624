import { addAbortSignal, type Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { isManifestType, mediaTypes } from '../core/media-types.ts';
import { formatPlatform, platformMatches, type Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { formatReference, type ImageReference } from '../core/reference.ts';
import type { OciIndex, OciIndexEntry } from '../schema/oci-image.ts';
import { readRange } from './file-range.ts';
import { blobFile, hasBlob, missingBlob, readDocument, readLayout } from './layout-folder.ts';
import { walkIndexes } from './layout-graph.ts';
import { isNamed, layoutName, referenceOfEntry } from './layout-names.ts';
import { joinLayers, parseConfig, parseManifest } from './oci-documents.ts';

/** Opens an OCI image layout folder as a source. Throws `E_SOURCE_UNREACHABLE` when the folder is none. */
export async function openOciLayout(dir: string): Promise<ImageSource> {
  const index = await requireLayout(dir);
  return {
    name: `oci:${dir}`,
    resolve: (reference, platform, signal) => resolve(dir, index, reference, platform, signal),
    openBlob: (_image, blob, options) => openBlob(dir, blob, options),
    close: () => Promise.resolve(),
  };
}

/** `index.json` of an OCI image layout folder. Throws `E_SOURCE_UNREACHABLE` when the folder is none. */
export async function requireLayout(dir: string): Promise<OciIndex> {
  const index = await readLayout(dir);
  if (index !== undefined) return index;
  throw new PackferryError('E_SOURCE_UNREACHABLE', `oci:${dir}: no OCI image layout there`, {
    hint: 'Give the folder that holds the files "oci-layout" and "index.json".',
  });
}

async function resolve(
  dir: string,
  index: OciIndex,
  reference: ImageReference,
  platform: Platform,
  signal: AbortSignal | undefined,
): Promise<LockedImage> {
  const entries = await entriesFor(dir, index, reference);
  if (entries.length === 0) throw notFound(dir, index, reference);
  const offered: Platform[] = [];
  for await (const entry of walkIndexes(dir, entries)) {
    signal?.throwIfAborted();
    if (!isManifestType(entry.mediaType)) continue;
    if (entry.platform !== undefined && !platformMatches(entry.platform, platform)) {
      offered.push(entry.platform);
      continue;
    }
    const image = await lockImage(dir, entry, reference);
    if (image !== undefined && platformMatches(image.platform, platform)) return image;
    if (image !== undefined) offered.push(image.platform);
  }
  const name = formatReference(reference);
  const what = offered.length === 0 ? 'no image' : offered.map(formatPlatform).join(', ');
  throw new PackferryError(
    'E_PLATFORM_NOT_FOUND',
    `${name}: oci:${dir} has ${what} under this name, not ${formatPlatform(platform)}`,
  );
}

/** Where to look for a reference: content for its digest wherever it stands, otherwise the entries of its name. */
async function entriesFor(dir: string, index: OciIndex, reference: ImageReference): Promise<OciIndexEntry[]> {
  if (reference.digest === undefined) {
    return index.manifests.filter((entry) => isNamed(entry, layoutName(reference)));
  }
  for await (const entry of walkIndexes(dir, index.manifests)) {
    if (entry.digest === reference.digest) return [entry];
  }
  return [];
}

/** Reads what a manifest says; undefined when it is no image but an artifact, such as an attestation. */
async function lockImage(
  dir: string,
  entry: OciIndexEntry,
  reference: ImageReference,
): Promise<LockedImage | undefined> {
  const name = formatReference(reference);
  const manifestBytes = await readDocument(dir, entry, limits.imageManifest);
  const manifest = parseManifest(manifestBytes, entry, `${name}: manifest ${entry.digest}`);
  const { config } = manifest;
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig)
    return undefined;
  const document = parseConfig(
    await readDocument(dir, config, limits.imageConfig),
    `${name}: configuration ${config.digest}`,
  );
  const { os, architecture, variant } = entry.platform ?? document;
  return {
    reference: name,
    platform: variant === undefined ? { os, architecture } : { os, architecture, variant },
    manifest: { mediaType: entry.mediaType, digest: entry.digest, size: entry.size },
    config,
    layers: joinLayers(manifest, document, name),
    source: `oci:${dir}`,
  };
}

async function openBlob(dir: string, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
  if (!(await hasBlob(dir, blob))) throw missingBlob(dir, blob);
  const content = readRange(blobFile(dir, blob.digest), options.from ?? 0, blob.size);
  return options.signal === undefined ? content : addAbortSignal(options.signal, content);
}

function notFound(dir: string, index: OciIndex, reference: ImageReference): PackferryError {
  const names = index.manifests.map(referenceOfEntry).flatMap((known) => (known ? [layoutName(known)] : []));
  const some = names.slice(0, 5).join(', ');
  return new PackferryError('E_IMAGE_NOT_FOUND', `${formatReference(reference)}: not in oci:${dir}`, {
    hint:
      names.length === 0
        ? 'No image there has a name.'
        : `There are ${names.length} names: ${some}${names.length > 5 ? ', ...' : ''}.`,
  });
}
