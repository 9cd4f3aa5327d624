import type { PackferryError } from './errors.ts';
import type { Readable } from 'node:stream';
import type { Digest } from './digest.ts';
import type { Descriptor, LockedImage } from './image.ts';
import type { Platform } from './platform.ts';
import type { ImageReference } from './reference.ts';

export interface BlobOptions {
  /** Byte to start at; 0 when absent. */
  readonly from?: number;
  /** Byte to stop before; the end of the blob when absent. Sources of which `splits` is not true may go on behind it. */
  readonly to?: number;
  readonly signal?: AbortSignal;
  /** Called with each host that begins to give bytes: more than once when a transfer was taken up again. */
  readonly onServed?: (host: string) => void;
}

export interface SaveOptions {
  readonly signal?: AbortSignal;
}

/** How fast something may be sent. */
export interface SendingPace {
  /** Bytes that are asked for at a time, at most. */
  readonly piece: number;
  /** Resolves when so many bytes may be sent; rejects when the signal fires. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/** The images of an engine as they lie there, unpacked and without manifests. */
export interface UnpackedImages {
  /** As `ImageSource.resolve`, without having anything saved: the image is `isUnpacked`. Takes no digest. */
  resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage>;
  /** The bytes of a save of such an image, a tar archive of which nothing is verified. They throw what they cannot give. */
  openSave(image: LockedImage, options?: SaveOptions): AsyncIterable<Buffer>;
  /** How fast what is left of a save may be sent on; as fast as it goes where this is absent. */
  readonly pace?: SendingPace;
}

/** Something that images can be taken from: a registry, a bundle, an OCI layout folder, an engine. */
export interface ImageSource {
  /** The endpoint URL, for reports. */
  readonly name: string;
  /**
   * Turns a reference into digests and sizes. Reads only documents (manifest, config), never a layer. Throws with
   * `E_IMAGE_NOT_FOUND`, `E_PLATFORM_NOT_FOUND` or another code of the "source unavailable" family.
   */
  resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage>;
  /**
   * Opens one blob of a resolved image (registries address blobs by repository, hence the image). The bytes are NOT
   * yet verified: every consumer hashes them as they move (`verified` in verify-stream.ts).
   */
  openBlob(image: LockedImage, blob: Descriptor, options?: BlobOptions): Promise<Readable>;
  /** Set by engines that call images by their config: what goes straight on to a target that `takesSaves`. */
  readonly unpacked?: UnpackedImages;
  /** The names of all images that it has; absent where it cannot tell. */
  listImages?(): Promise<readonly ImageReference[]>;
  /**
   * Does the source give parts of blobs, several at a time? It does not where this is absent. Some know only once they
   * have opened a blob.
   */
  splits?(image: LockedImage): boolean;
  /**
   * Set by sources that are read once, from their beginning to their end: where a blob comes, in bytes from the beginning. Undefined for
   * blobs that can be had at any time. Blobs are to be asked for in this order, one after the other: whoever asks for one has given up
   * those before it, and what has passed is read once more for whoever asks for it all the same.
   */
  readonly placeOf?: (image: LockedImage, blob: Descriptor) => number | undefined;
  /** Any part of a blob is there at once, for the price of reading a file; absent where it is not. */
  readonly isNear?: boolean;
  close(): Promise<void>;
}

/** What a target says of one image before anything is sent. */
export type Presence =
  /** `id` is what the target calls the image, where that is not the digest of the configuration. */
  { readonly state: 'present'; readonly id?: Digest } | Absence | Conflict;

/** The target does not have the image, or not all of it. */
export interface Absence {
  readonly state: 'absent';
  /** The blobs of it that need not be sent, as far as the target tells; absent where it tells nothing of layers. */
  readonly held?: ReadonlySet<Digest>;
}

/** The name stands for another image there. */
export interface Conflict {
  readonly state: 'conflict';
  /** What the target calls that image: an ID or a digest. */
  readonly holder: string;
  /** How the name is freed at this target. */
  readonly hint: string;
  /** As in `Absence`. */
  readonly held?: ReadonlySet<Digest>;
}

/** Images that other deliveries are bringing to the same target at this moment. */
export interface OnTheWay {
  readonly images: readonly LockedImage[];
  /**
   * To be called when all has been sent that may be sent before them. Resolves once all of them are there; rejects with
   * `BaseMissing` when one of them is not.
   */
  readonly wait: () => Promise<void>;
}

export interface DeliverOptions {
  /**
   * What the image may stand on although it is not there yet: its layers need not be sent. Only for targets that have `sendsAhead`;
   * they keep nothing before it has arrived, and reject with `BaseMissing` when it does not.
   */
  readonly onto?: OnTheWay | undefined;
  /** The holder of the name, as the survey told it, from whom the name may be taken: only this one. */
  readonly replaces?: string;
  readonly signal?: AbortSignal;
  /** Bytes of blobs sent so far for this image; absolute. */
  readonly onBytes?: (bytes: number) => void;
}

export interface Delivery {
  /** Bytes of blobs that were sent, as the source keeps them: some engines get layers decompressed. */
  readonly bytesSent: number;
  /** Bytes of blobs that the target already had. */
  readonly bytesSkipped: number;
  /** Why all of the image was sent although the target had said that it has some: a line for people. */
  readonly sentInFull?: string;
  /** Why layers were sent compressed after they had been sent decompressed: a line for people. */
  readonly sentPacked?: string;
}

/** The target's own answer to "is exactly this image there, runnable?" */
export type Confirmation =
  { readonly confirmed: true; readonly id: Digest } | { readonly confirmed: false; readonly reason: string };

/** What speaks against a delivery before it has begun. */
export type Objection =
  /** It cannot succeed. */
  | { readonly error: PackferryError }
  /** It may fail, or be of no use: a line for people. */
  | { readonly warning: string };

/** What came of running an image. */
export type SmokeAnswer =
  /** `words` are what the program printed. */
  | { readonly started: true; readonly command: string; readonly words: string }
  | { readonly started: false; readonly reason: string };

/** Something that images can be brought to: an engine, an OCI layout folder, a registry. */
export interface ImageTarget {
  /** The endpoint URL, for reports. */
  readonly name: string;
  /** What an image is called there, in targets that do not call it by its reference. */
  nameOf?(image: LockedImage): string;
  /** Set by engines: they keep no name without a tag, and an image that has none can only be run by its ID. */
  readonly tagsOnly?: boolean;
  /** Set by engines to which images that are `isUnpacked` can be brought, from the saves of other engines. */
  readonly takesSaves?: boolean;
  /** Can an image be sent while those that it stands on are still on the way? See `DeliverOptions`. */
  readonly sendsAhead?: boolean;
  /**
   * Asks, before there is any image to ask about, whether the target answers, and with a name whether it takes who asks there. Sends
   * nothing. Throws when it does not. Absent where that is known from opening it.
   */
  greet?(name: ImageReference | undefined, signal?: AbortSignal): Promise<void>;
  /**
   * Tells, before a survey, of layers that images may have there besides those which are surveyed. For registries, which
   * know a layer by the repositories of the images that have it. Absent where layers are found without.
   */
  mayHave?(layers: ReadonlyMap<Digest, readonly ImageReference[]>): void;
  /** One answer per image, in the same order. Throws when the target cannot be asked. */
  survey(images: readonly LockedImage[], signal?: AbortSignal): Promise<readonly Presence[]>;
  /**
   * What speaks against sending these images, after they were surveyed: room, versions, platforms. Absent where a target
   * knows nothing of the kind.
   */
  preflight?(images: readonly LockedImage[]): Promise<readonly Objection[]>;
  /** Sends what is missing; every blob is verified on the way. Resolves when the target took it, not yet confirmed. */
  deliver(image: LockedImage, source: ImageSource, options?: DeliverOptions): Promise<Delivery>;
  confirm(image: LockedImage, signal?: AbortSignal): Promise<Confirmation>;
  /**
   * Is this a fault of the way to the target, which broke, so that the same may succeed when it is tried again? Absent where
   * the way cannot break, or the target itself tries again.
   */
  wayBroke?(error: PackferryError): boolean;
  /**
   * Runs an image that is there, by the ID that the target gives it, with no network, no capabilities and a root that
   * cannot be written, and leaves no container. Absent where nothing runs.
   */
  smoke?(image: LockedImage, id: Digest, signal: AbortSignal): Promise<SmokeAnswer>;
  /**
   * Gives the image that holds a name another one beside it, so that it stays when the name is moved. Targets that cannot
   * do without it. Throws when afterwards the new name does not stand for the holder.
   */
  setAside?(holder: string, name: ImageReference, signal?: AbortSignal): Promise<void>;
  /**
   * After a delivery that was not confirmed: gives the name back to whom it was taken from, or takes it away when nobody
   * had it, so that nothing is run under it that nobody signed.
   */
  withdraw?(image: LockedImage, before: string | undefined): Promise<void>;
  close(): Promise<void>;
}
