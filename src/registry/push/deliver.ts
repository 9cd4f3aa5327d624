import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { collect } from '../../core/collect.ts';
import { asPackferryError } from '../../core/errors.ts';
import { blobsOf, totalSize, type Descriptor, type LockedImage } from '../../core/image.ts';
import { limits } from '../../core/limits.ts';
import type { DeliverOptions, Delivery, ImageSource } from '../../core/ports.ts';
import { parseReference } from '../../core/reference.ts';
import { verified } from '../../core/verify-stream.ts';
import { hasBlob, pushBlob, type PieceSize } from './blob.ts';
import type { Holdings } from './holdings.ts';
import { putManifest } from './manifest.ts';
import type { Place } from './place.ts';
import type { Writer } from './writer.ts';

export interface ImagePush {
  readonly writer: Writer;
  readonly holdings: Holdings;
  readonly pieceSize: PieceSize;
  readonly image: LockedImage;
  readonly place: Place;
  readonly source: ImageSource;
}

/** Blobs of one image that are brought at the same time. */
const blobsAtATime = 3;

/** Brings what is missing of an image: blobs first, the manifest last. The first fault stops the others. */
export async function deliverImage(push: ImagePush, options: DeliverOptions): Promise<Delivery> {
  const { image, place, writer, source } = push;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const sent = new SentBytes(options.onBytes);
  // What comes once is asked for in the order in which it comes.
  const limit = pLimit(source.placeOf === undefined ? blobsAtATime : 1);
  const blobs = blobsOf(image).filter(({ digest }) => digest !== image.manifest.digest);
  const faults: unknown[] = [];
  const bring = async (blob: Descriptor): Promise<Descriptor[]> => {
    if (faults.length > 0) return [];
    try {
      return (await bringBlob(push, blob, signal, (bytes) => sent.of(blob, bytes))) ? [blob] : [];
    } catch (fault) {
      faults.push(fault);
      stop.abort();
      return [];
    }
  };
  const brought = (await Promise.all(blobs.map((blob) => limit(bring, blob)))).flat();
  if (faults.length > 0) throw faults[0];

  const { manifest, reference } = image;
  const what = `${reference}: manifest ${manifest.digest}`;
  const content = verified(await source.openBlob(image, manifest, { signal }), manifest, { name: what });
  const bytes = await collect(content, limits.imageManifest, what);
  await putManifest(place, { ...manifest, bytes }, { writer, what, signal });
  sent.of(manifest, bytes.length);
  const bytesSent = totalSize(brought) + bytes.length;
  return { bytesSent, bytesSkipped: totalSize(blobsOf(image)) - bytesSent };
}

/** Returns whether the blob had to be sent. */
async function bringBlob(
  { writer, holdings, pieceSize, image, place, source }: ImagePush,
  blob: Descriptor,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  const repository = writer.repository(place.path);
  const what = `${image.reference}: blob ${blob.digest}`;
  const isThere =
    holdings.has(place.path, blob.digest) || (await hasBlob(writer, repository, blob, what, signal));
  const elsewhere = placesOf(writer, holdings, image, place, blob);
  const open = async (): Promise<Readable> => {
    try {
      return await source.openBlob(image, blob, { signal });
    } catch (fault) {
      // A bundle leaves it out, and the registry did not mount what it has elsewhere.
      const [from] = elsewhere;
      if (from === undefined || asPackferryError(fault).code !== 'E_BASE_MISSING') throw fault;
      return writer.read(from, blob, what, signal);
    }
  };
  const isSent =
    !isThere &&
    (await pushBlob({
      ...{ writer, repository, blob, pieceSize, what, signal, onBytes, elsewhere, open },
    }));
  holdings.add(place.path, blob.digest);
  return isSent;
}

/** Other repositories of this registry that have the blob. An image that comes from there has its own. */
function placesOf(
  { endpoint }: Writer,
  holdings: Holdings,
  image: LockedImage,
  { path }: Place,
  { digest }: Descriptor,
): string[] {
  const known = holdings.elsewhere(path, digest);
  if (known !== undefined) return [known];
  const prefix = `registry://${endpoint.host}/`;
  if (!`${image.source}/`.startsWith(prefix)) return [];
  const from = `${image.source}/${parseReference(image.reference).repository}`.slice(prefix.length);
  return from === path ? [] : [from];
}

/** Adds up what is gone of the blobs of an image. */
class SentBytes {
  readonly #sent = new Map<string, number>();
  readonly #tell: ((bytes: number) => void) | undefined;

  constructor(tell: ((bytes: number) => void) | undefined) {
    this.#tell = tell;
  }

  of({ digest }: Descriptor, bytes: number): void {
    this.#sent.set(digest, bytes);
    this.#tell?.([...this.#sent.values()].reduce((sum, one) => sum + one, 0));
  }
}
