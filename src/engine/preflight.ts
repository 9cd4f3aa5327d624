import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { blobsOf, totalSize, type Descriptor, type LockedImage } from '../core/image.ts';
import { isZstdLayerType } from '../core/media-types.ts';
import { formatPlatform } from '../core/platform.ts';
import type { Objection } from '../core/ports.ts';
import { formatSize } from '../core/size.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';
import { isSoonerPlain, roomOf, takesZstd, type EngineRoom } from './engine-room.ts';

/** File systems that compress: what is sent may take less there than it has. */
const compressing = new Set(['btrfs', 'zfs']);

/** Layers of Python images, decompressed, have two to three times the size in which they are carried. */
const unpacking = 2.5;

/**
 * What speaks against a delivery, from what the engine tells of itself. Only what is certain is an error; the rest warns.
 * `held` are the blobs that need not be sent; `room` is how much room there is where it was asked before.
 */
export async function objectionsOf(
  engine: Engine,
  images: readonly LockedImage[],
  held: (image: LockedImage) => ReadonlySet<Digest>,
  room?: ReturnType<typeof roomOf>,
): Promise<readonly Objection[]> {
  if (images.length === 0) return [];
  const sizes = images.map((image) => ({
    image,
    missing: blobsOf(image).filter(({ digest }) => !held(image).has(digest)),
  }));
  return [
    ...zstdObjections(engine, sizes),
    ...platformObjections(engine, images),
    ...roomObjections(engine, sizes, await (room ?? roomOf(engine))),
  ];
}

interface Missing {
  readonly image: LockedImage;
  readonly missing: readonly Descriptor[];
}

function zstdObjections({ name, facts }: Engine, sizes: readonly Missing[]): Objection[] {
  if (takesZstd(facts)) return [];
  const affected = sizes.filter(({ missing }) => missing.some(({ mediaType }) => isZstdLayerType(mediaType)));
  return affected.map(({ image }) => {
    const version = engineWords(facts.version ?? 'unknown');
    const message = `${image.reference}: it has layers in zstd, which Docker ${version} at ${name} cannot unpack`;
    return {
      error: new PackferryError('E_ENGINE_TOO_OLD', message, {
        hint: 'Docker 23 and later can, Podman too. Or forbid such layers at the export: policy.zstd: error.',
      }),
    };
  });
}

function platformObjections({ name, facts }: Engine, images: readonly LockedImage[]): Objection[] {
  const { os, architecture } = facts;
  if (os === undefined || architecture === undefined) return [];
  const foreign = images.filter(
    ({ platform }) => platform.os !== os || platform.architecture !== architecture,
  );
  const [first] = foreign;
  if (first === undefined) return [];
  const runs = engineWords(`${os}/${architecture}`);
  const which =
    foreign.length === 1 ? `${first.reference} is` : `${foreign.length} images, e.g. ${first.reference}, are`;
  const message = `${which} for ${formatPlatform(first.platform)}, ${name} runs ${runs}: without emulation they do not start there`;
  return [{ warning: message }];
}

function roomObjections(
  { name, facts }: Engine,
  sizes: readonly Missing[],
  room: EngineRoom | undefined,
): Objection[] {
  if (room === undefined) return [];
  const blobs = new Map(sizes.flatMap(({ missing }) => missing.map((blob) => [blob.digest, blob] as const)));
  const bytes = totalSize([...blobs.values()]);
  // The engine first writes the archive of an image to a folder for temporary files, which usually is on the same disk, and
  // may be sent it decompressed.
  const archived = isSoonerPlain(facts) ? unpacking : 1;
  const largest = archived * Math.max(0, ...sizes.map(({ missing }) => totalSize([...missing])));
  const isUnpacked = sizes.some(({ image }) => image.isUnpacked === true);
  const likely = Math.ceil(bytes * (isUnpacked ? 1 : unpacking) + largest);
  const has = `${room.folder} of ${name} has ${formatSize(room.free)} free`;
  const hint = `Free space there ("${facts.product} system df" tells what is used), or bring fewer images at a time.`;
  // The content of the containerd store may lie on another disk than the rest; sizes of unpacked layers are estimates.
  const isCertain = facts.idOf === 'config' && !isUnpacked && !compressing.has(facts.driver ?? '');
  if (bytes > room.free && isCertain) {
    const message = `${has}, and ${formatSize(bytes)} are to be sent, which take some ${formatSize(likely)} when they are unpacked`;
    return [{ error: new PackferryError('E_TARGET_FULL', message, { hint }) }];
  }
  if (likely <= room.free) return [];
  return [{ warning: `${has}; the images may need ${formatSize(likely)} while they are loaded. ${hint}` }];
}
