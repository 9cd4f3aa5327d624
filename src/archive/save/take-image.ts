import { digestOf, type Digest } from '../../core/digest.ts';
import type { Descriptor, Layer } from '../../core/image.ts';
import { mediaTypes } from '../../core/media-types.ts';
import { verified } from '../../core/verify-stream.ts';
import type { SpooledImage } from '../../schema/spool.ts';
import { readRange } from '../file-range.ts';
import type { SavedImage } from './saved-image.ts';
import type { SaveFile } from './save-file.ts';
import type { Spool } from './spool.ts';

/** An archive as a file: every member's content lies there at its offset. */
export interface OpenSave {
  readonly file: string;
  /** For messages. */
  readonly name: string;
}

/** A stretch of a file, or a document in memory. */
export type BlobPlace = { readonly offset: number; readonly size: number } | { readonly bytes: Buffer };

/** An image with manifest, and where the blobs lie that the archive itself holds. */
export interface TakenImage extends SpooledImage {
  readonly places: ReadonlyMap<Digest, BlobPlace>;
}

/**
 * Gives an image of a save a manifest and compressed layers: those of its registry where the save has them, else
 * layers are compressed into the spool, and the manifest is made from the config, which stays byte for byte so that
 * the image ID stays. The same image gives the same digests.
 */
export async function takeImage(
  save: OpenSave,
  image: SavedImage,
  spool: Spool,
  signal?: AbortSignal,
): Promise<TakenImage> {
  const places = new Map<Digest, BlobPlace>();
  const note = ({ digest }: Pick<Descriptor, 'digest'>, place: BlobPlace): void =>
    void places.set(digest, place);
  const { config, platform, manifest: kept } = image;
  note(config, config);
  const layers: Layer[] = [];
  for (const [at, { diffId, file }] of image.layers.entries()) {
    // Whoever calls has refused images with gaps.
    if (file === undefined) throw new TypeError(`${save.name}: a layer is missing`);
    if (file.compression === 'none') {
      const open = (): AsyncIterable<Buffer> => contentOf(save, file);
      const options = { name: `${save.name}: ${file.name}`, ...(signal === undefined ? {} : { signal }) };
      layers.push({ ...(await spool.layer(diffId, open, options)), diffId });
    } else {
      const { digest, size } = file;
      layers.push({
        mediaType: kept?.layers[at]?.mediaType ?? layerTypes[file.compression],
        digest,
        size,
        diffId,
      });
      note(file, file);
    }
  }
  if (kept !== undefined) {
    note(kept.descriptor, { bytes: kept.bytes });
    return { platform, manifest: kept.descriptor, config: kept.config, layers, isKept: true, places };
  }
  const configOf = { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size };
  const bytes = manifestBytes(configOf, layers);
  const manifest = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
  note(manifest, { bytes });
  return { platform, manifest, config: configOf, layers, isKept: false, places };
}

/** Copies the blobs that the archive holds into the spool: it is going to be removed. */
export async function moveToSpool(
  save: OpenSave,
  taken: TakenImage,
  spool: Spool,
  signal?: AbortSignal,
): Promise<void> {
  for (const blob of [...taken.layers, taken.config, taken.manifest]) {
    const place = taken.places.get(blob.digest);
    if (place === undefined) continue;
    const name = `${save.name}: blob ${blob.digest}`;
    const open = (): AsyncIterable<Buffer> | Iterable<Buffer> =>
      'bytes' in place
        ? [place.bytes]
        : (verified(readPlace(save, place), blob, { name }) as AsyncIterable<Buffer>);
    await spool.put(blob, open, signal);
  }
}

/** The bytes of a blob that lies in the archive. */
export function readPlace(
  save: OpenSave,
  { offset, size }: Pick<SaveFile, 'offset' | 'size'>,
  from = 0,
): ReturnType<typeof readRange> {
  return readRange(save.file, offset + from, offset + size);
}

const layerTypes = { gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd } as const;

function contentOf(save: OpenSave, file: SaveFile): AsyncIterable<Buffer> {
  return readPlace(save, file) as AsyncIterable<Buffer>;
}

function manifestBytes(config: Descriptor, layers: readonly Layer[]): Buffer {
  const plain = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: plain(config),
    layers: layers.map(plain),
  };
  return Buffer.from(JSON.stringify(document));
}
