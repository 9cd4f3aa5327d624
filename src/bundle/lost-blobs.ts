import type { LostPlace } from '../archive/check.ts';
import type { ItemOfPack, LostBlob, Loss } from '../core/damage.ts';
import type { Digest } from '../core/digest.ts';
import type { BundleImage } from '../schema/bundle.ts';
import type { ReadVolume } from './read-document.ts';

/** Says of lost blobs of an archive which images and items cannot do without them; `Loss`: all of them are lost. */
export function lostBlobs(volume: ReadVolume, lost: readonly LostPlace[] | Loss): LostBlob[] {
  const places = typeof lost === 'string' ? allPlaces(volume, lost) : lost;
  return places.map(({ blob: { digest, size }, offset, why }) => {
    const users = volume.images.filter((image) => roleIn(image, digest) !== undefined);
    const [first] = users;
    return {
      digest,
      size,
      kind: (first === undefined ? undefined : roleIn(first, digest)) ?? 'layer',
      archive: volume.file,
      offset,
      why,
      intactIn: [],
      images: users.map((image) => ({ reference: image.reference, items: itemsOf(image) })),
    };
  });
}

function allPlaces({ plan }: ReadVolume, why: Loss): (Omit<LostPlace, 'why'> & { readonly why: Loss })[] {
  return plan.entries.flatMap((entry) =>
    entry.kind === 'blob' ? [{ blob: entry.blob, offset: entry.dataOffset, why }] : [],
  );
}

function roleIn({ manifest, config, layers }: BundleImage, digest: Digest): LostBlob['kind'] | undefined {
  if (manifest.digest === digest) return 'manifest';
  if (config.digest === digest) return 'config';
  return layers.some((layer) => layer.digest === digest) ? 'layer' : undefined;
}

/** The items that use an image, each once. */
function itemsOf({ usedBy }: BundleImage): ItemOfPack[] {
  const items = new Map<string, ItemOfPack>();
  for (const { pack, kind, item } of usedBy) {
    items.set(JSON.stringify([pack, kind, item]), { pack, kind, item });
  }
  return [...items.values()];
}

/** The same blobs, each with the other archives of the bundle that hold it intact. */
export function withIntactCopies(
  lost: readonly LostBlob[],
  volumes: readonly ReadVolume[],
): readonly LostBlob[] {
  const gone = placesOf(lost);
  const wanted = new Set(lost.map(({ digest }) => digest));
  const intact = new Map<Digest, string[]>();
  for (const { file, plan } of volumes) {
    for (const entry of plan.entries) {
      if (entry.kind !== 'blob' || !wanted.has(entry.blob.digest)) continue;
      const { digest } = entry.blob;
      if (!gone.has(placeOf(file, digest))) intact.set(digest, [...(intact.get(digest) ?? []), file]);
    }
  }
  return lost.map((blob) => ({ ...blob, intactIn: intact.get(blob.digest) ?? [] }));
}

/** The layers that some archive still holds, sorted: what another bundle need not carry where this one is at hand. */
export function intactLayers(lost: readonly LostBlob[], volumes: readonly ReadVolume[]): readonly Digest[] {
  const gone = placesOf(lost);
  const intact = new Set<Digest>();
  for (const { file, plan, images } of volumes) {
    const layers = new Set(images.flatMap((image) => image.layers.map(({ digest }) => digest)));
    for (const entry of plan.entries) {
      if (entry.kind !== 'blob' || !layers.has(entry.blob.digest)) continue;
      if (!gone.has(placeOf(file, entry.blob.digest))) intact.add(entry.blob.digest);
    }
  }
  return [...intact].sort();
}

function placesOf(lost: readonly LostBlob[]): ReadonlySet<string> {
  return new Set(lost.map(({ archive, digest }) => placeOf(archive, digest)));
}

function placeOf(archive: string, digest: Digest): string {
  return `${archive} ${digest}`;
}
