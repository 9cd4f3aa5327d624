import type { Digest } from '../core/digest.ts';
import { blobsOf } from '../core/image.ts';
import { indexOf, layoutDocument } from './plan.ts';
import { engineNameOf, indexEntry, saveEntry, type ArchiveImage } from './save-documents.ts';
import { endOfArchive, memberSize } from './tar-frame.ts';

/** An image with everything that its share of an archive's size is counted from. */
export interface Measured<Image extends ArchiveImage = ArchiveImage> {
  readonly image: Image;
  /** Bytes of an archive that holds only this image. */
  readonly alone: number;
  /** Bytes of each blob as a member of an archive. */
  readonly members: ReadonlyMap<Digest, number>;
  /** Bytes of its entry in `index.json`. */
  readonly indexBytes: number;
  /** Bytes of its entry in `manifest.json`, and of its name there. */
  readonly saveBytes: number;
  readonly nameBytes: number;
}

/** Counts an image once, so that adding it to an archive later costs no planning. Blobs of `without` are not in the archive. */
export function measure<Image extends ArchiveImage>(
  image: Image,
  without?: ReadonlySet<Digest>,
): Measured<Image> {
  const name = engineNameOf(image);
  const blobs = blobsOf(image).filter(({ digest }) => without?.has(digest) !== true);
  const measured = {
    image,
    alone: 0,
    members: new Map(blobs.map((blob) => [blob.digest, memberSize(blob.size)])),
    indexBytes: jsonBytes(indexEntry(image)),
    saveBytes: jsonBytes(saveEntry(image, name === undefined ? [] : [name])),
    nameBytes: name === undefined ? 0 : jsonBytes(name),
  };
  return { ...measured, alone: new ArchiveMeter().sizeWith(measured).size };
}

const fixedBytes = memberSize(jsonBytes(layoutDocument)) + endOfArchive.length;
const emptyIndexBytes = jsonBytes(indexOf([]));
const emptySaveBytes = jsonBytes([]);

/** The size of an archive that grows image by image: always what `planArchive` would say, without planning it. */
export class ArchiveMeter {
  readonly #blobs = new Set<Digest>();
  /** Names per manifest. */
  readonly #names = new Map<Digest, number>();
  #images = 0;
  #blobBytes = 0;
  #indexBytes = emptyIndexBytes;
  #saveBytes = emptySaveBytes;

  /** The size in bytes with this image added, and how many bytes of its blobs are in the archive already. */
  sizeWith(image: Measured): { size: number; shared: number } {
    const { blobBytes, shared } = this.#newBlobs(image);
    const size =
      fixedBytes +
      memberSize(this.#indexBytes + this.#indexGrowth(image)) +
      memberSize(this.#saveBytes + this.#saveGrowth(image)) +
      this.#blobBytes +
      blobBytes;
    return { size, shared };
  }

  add(image: Measured): void {
    this.#blobBytes += this.#newBlobs(image).blobBytes;
    this.#indexBytes += this.#indexGrowth(image);
    this.#saveBytes += this.#saveGrowth(image);
    this.#images += 1;
    const manifest = image.image.manifest.digest;
    this.#names.set(manifest, (this.#names.get(manifest) ?? 0) + (image.nameBytes === 0 ? 0 : 1));
    for (const digest of image.members.keys()) this.#blobs.add(digest);
  }

  #newBlobs(image: Measured): { blobBytes: number; shared: number } {
    let blobBytes = 0;
    let shared = 0;
    for (const [digest, bytes] of image.members) {
      if (this.#blobs.has(digest)) shared += bytes;
      else blobBytes += bytes;
    }
    return { blobBytes, shared };
  }

  #indexGrowth(image: Measured): number {
    return image.indexBytes + (this.#images === 0 ? 0 : comma);
  }

  /** A further name of a manifest joins its entry; a new manifest brings an entry of its own. */
  #saveGrowth(image: Measured): number {
    const names = this.#names.get(image.image.manifest.digest);
    if (names === undefined) return image.saveBytes + (this.#names.size === 0 ? 0 : comma);
    return image.nameBytes + (names === 0 || image.nameBytes === 0 ? 0 : comma);
  }
}

const comma = 1;

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
