import { isAttestation } from '../core/attestation.ts';
import { PackferryError } from '../core/errors.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import { formatPlatform, platformFrom, platformMatches, type Platform } from '../core/platform.ts';
import type { ImageIndexDocument, ImageIndexEntry } from '../schema/oci.ts';

/** An entry of an index that may lead to the wanted image. */
export interface Candidate {
  readonly entry: ImageIndexEntry;
  /** Absent when the index does not say it: then the image's own config tells. */
  readonly platform: Platform | undefined;
}

/**
 * The entries worth following, best first: images of the wanted platform, indexes that may hold one, images of
 * unstated platform. Attestations, which stand in an index as if they were images, are left out.
 */
export function candidatesOf(index: ImageIndexDocument, wanted: Platform): Candidate[] {
  const entries = imagesOf(index).filter(
    ({ platform }) => platform === undefined || platformMatches(platform, wanted),
  );
  const rank = ({ entry, platform }: Candidate): number =>
    isIndexType(entry.mediaType) ? 1 : platform === undefined ? 2 : 0;
  return entries.sort((a, b) => rank(a) - rank(b));
}

/** The platforms that an index names, for messages. */
export function offeredBy(index: ImageIndexDocument): Platform[] {
  return imagesOf(index).flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
}

/** The error for an image that does not exist for the wanted platform. */
export function platformNotFound(
  name: string,
  wanted: Platform,
  offered: readonly Platform[],
): PackferryError {
  const texts = [...new Set(offered.map(formatPlatform))];
  const there = texts.length === 0 ? 'it names no platform' : `there is ${texts.join(', ')}`;
  return new PackferryError(
    'E_PLATFORM_NOT_FOUND',
    `${name}: there is no image for ${formatPlatform(wanted)}; ${there}`,
    { hint: 'Choose another platform or another tag.' },
  );
}

function imagesOf(index: ImageIndexDocument): Candidate[] {
  return index.manifests
    .filter((entry) => isIndexType(entry.mediaType) || isManifestType(entry.mediaType))
    .filter((entry) => !isAttestation(entry))
    .map((entry) => ({ entry, platform: platformFrom(entry.platform) }));
}
