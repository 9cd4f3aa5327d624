import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource, SaveOptions, UnpackedImages } from '../core/ports.ts';
import { Meetings, type Party } from './meetings.ts';
import { withBlobs } from './with-blobs.ts';

/** One of several targets, for as long as images are brought there. */
export interface Attendee {
  /** Where the target takes its images from. */
  readonly source: ImageSource;
  /** An image begins to be brought there; what is returned is to be called when that has ended, for better or worse. */
  readonly attempt: (image: LockedImage) => () => void;
  /** Nothing more is brought there. */
  readonly leave: () => void;
}

/**
 * Has an engine save each image once for all targets that are to get it. Targets that lack different layers take their images in
 * different orders: those that wait for one another begin all the same. Whoever comes later, or a second time, has it saved for
 * itself; unless it was the connection to the engine that broke, for all of them.
 */
export class SaveMeetings {
  readonly #unpacked: UnpackedImages;
  readonly #source: ImageSource;
  readonly #meetings = new Meetings<string>({ isAwaited: (wants, key) => wants.has(key) });

  constructor(source: ImageSource, unpacked: UnpackedImages) {
    this.#source = source;
    this.#unpacked = unpacked;
  }

  /** A target that begins, and the images that it may come for. */
  attend(images: readonly LockedImage[]): Attendee {
    const party = this.#meetings.join(images.map(keyOf));
    return {
      source: withBlobs(this.#source, (image, blob, options) => this.#source.openBlob(image, blob, options), {
        resolve: (reference, platform, signal) => this.#unpacked.resolve(reference, platform, signal),
        openSave: (image, options) => this.#openSave(party, image, options),
      }),
      attempt: (image) => {
        party.running += 1;
        return () => {
          party.running -= 1;
          party.wants.delete(keyOf(image));
          this.#meetings.look();
        };
      },
      leave: () => this.#meetings.leave(party),
    };
  }

  async *#openSave(
    party: Party<string>,
    image: LockedImage,
    options: SaveOptions = {},
  ): AsyncGenerator<Buffer, void> {
    const key = keyOf(image);
    // A second time: what was sent first was refused, or its connection broke.
    if (!party.wants.delete(key)) {
      yield* this.#unpacked.openSave(image, options);
      return;
    }
    const open = (signal: AbortSignal): AsyncIterable<Buffer> => this.#unpacked.openSave(image, { signal });
    try {
      yield* this.#meetings.read(party, { key, name: image.reference, open, signal: options.signal });
    } catch (fault) {
      // So it did for all of them: they come again, and meet again.
      if (fault instanceof PackferryError && fault.details.sourceBroke === true) party.wants.add(key);
      throw fault;
    }
  }
}

function keyOf({ reference, config }: LockedImage): string {
  return `${reference} ${config.digest}`;
}
