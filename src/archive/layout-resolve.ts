import { isAttestation } from '../core/attestation.ts';
import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import { limits } from '../core/limits.ts';
import { isImageConfigType, isManifestType } from '../core/media-types.ts';
import { formatPlatform, platformFrom, platformMatches, type Platform } from '../core/platform.ts';
import { formatReference, type ImageReference } from '../core/reference.ts';
import type { LayoutIndex } from '../schema/oci-layout.ts';
import type { ImageIndexEntry } from '../schema/oci.ts';
import { readDocument } from './layout-folder.ts';
import { walkIndexes } from './layout-graph.ts';
import { isNamed, layoutName, referenceOfEntry } from './layout-names.ts';
import { joinLayers, parseConfig, parseManifest } from './oci-documents.ts';

/**
 * Finds the one image of a layout that a reference means on a platform. A digest is found wherever it stands, a tag
 * only under its full name. Throws `E_IMAGE_NOT_FOUND`, `E_PLATFORM_NOT_FOUND`, and what reading the documents throws.
 */
export async function resolveInLayout(
  dir: string,
  index: LayoutIndex,
  reference: ImageReference,
  wanted: Platform,
  signal: AbortSignal | undefined,
): Promise<LockedImage> {
  const entries = await entriesFor(dir, index, reference);
  if (entries.length === 0) throw notFound(dir, index, reference);
  const offered: Platform[] = [];
  for await (const entry of walkIndexes(dir, entries)) {
    signal?.throwIfAborted();
    if (!isManifestType(entry.mediaType) || isAttestation(entry)) continue;
    const stated = platformFrom(entry.platform);
    if (stated !== undefined && !platformMatches(stated, wanted)) {
      offered.push(stated);
      continue;
    }
    const image = await lockImage(dir, entry, reference);
    if (image === undefined) continue;
    if (stated !== undefined || serves(image.platform, wanted)) return image;
    offered.push(image.platform);
  }
  throw platformNotFound(dir, reference, wanted, offered);
}

async function entriesFor(
  dir: string,
  index: LayoutIndex,
  reference: ImageReference,
): Promise<ImageIndexEntry[]> {
  if (reference.digest === undefined) {
    return index.manifests.filter((entry) => isNamed(entry, layoutName(reference)));
  }
  for await (const entry of walkIndexes(dir, index.manifests)) {
    if (entry.digest === reference.digest) return [entry];
  }
  return [];
}

/** What a manifest says; undefined when it is no image but an artifact, such as an attestation. */
async function lockImage(
  dir: string,
  entry: ImageIndexEntry,
  reference: ImageReference,
): Promise<LockedImage | undefined> {
  const name = formatReference(reference);
  const { mediaType, digest, size } = entry;
  const manifestBytes = await readDocument(dir, entry, limits.imageManifest);
  const manifest = parseManifest(manifestBytes, entry, `${name}: manifest ${digest}`);
  const { config } = manifest;
  if (!isImageConfigType(config.mediaType)) return undefined;
  const configName = `${name}: config ${config.digest}`;
  const { diffIds, deprecated, ...platform } = parseConfig(
    await readDocument(dir, config, limits.imageConfig),
    configName,
  );
  return {
    reference: layoutName(reference),
    platform: platformFrom(entry.platform) ?? platform,
    manifest: { mediaType, digest, size },
    config,
    layers: joinLayers(manifest, { diffIds }, name),
    source: `oci:${dir}`,
    ...(deprecated === undefined ? {} : { deprecated }),
  };
}

/** Builders often leave the variant out of the config: then the architecture decides. */
function serves(fromConfig: Platform, wanted: Platform): boolean {
  return platformMatches({ ...wanted, ...fromConfig }, wanted);
}

function notFound(dir: string, index: LayoutIndex, reference: ImageReference): PackferryError {
  const names = index.manifests.flatMap((entry) => {
    const known = referenceOfEntry(entry);
    return known === undefined ? [] : [layoutName(known)];
  });
  const some = names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
  return new PackferryError('E_IMAGE_NOT_FOUND', `${formatReference(reference)}: not in oci:${dir}`, {
    hint: names.length === 0 ? 'No image there has a full name.' : `It has ${names.length} names: ${some}.`,
  });
}

function platformNotFound(
  dir: string,
  reference: ImageReference,
  wanted: Platform,
  offered: readonly Platform[],
): PackferryError {
  const texts = offered.map(formatPlatform);
  const there = texts.length === 0 ? 'no image' : [...new Set(texts)].join(', ');
  const what = `${formatReference(reference)}: oci:${dir} has no image for ${formatPlatform(wanted)}`;
  return new PackferryError('E_PLATFORM_NOT_FOUND', `${what}; there is ${there}`, {
    hint: 'Choose another platform or another tag.',
  });
}
