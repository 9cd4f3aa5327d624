import { addAbortSignal, PassThrough, pipeline, type Readable } from 'node:stream';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { Meetings, type Party } from './meetings.ts';
import type { Attendee } from './save-meetings.ts';
import { sharedSource } from './shared-reading.ts';
import { withBlobs } from './with-blobs.ts';

/** An image, and the blobs of it that a target lacks. */
export interface Wanted {
  readonly image: LockedImage;
  readonly lacking: readonly Descriptor[];
}

/** A source that is read once: see `ImageSource.placeOf`. */
export type OnceReadSource = ImageSource & Required<Pick<ImageSource, 'placeOf'>>;

export function isReadOnce(source: ImageSource): source is OnceReadSource {
  return source.placeOf !== undefined;
}

/**
 * Has a source that is read once read for several targets, which take its images in its order: no byte passes before each target
 * that lacks it has come for it, or for one behind it, or will not come any more. Each takes what it lacks; the slowest sets
 * the pace. What a target needs a second time, since its delivery begins anew or it could not use what it has, is read again,
 * for it alone.
 */
export class BlobMeetings {
  readonly #source: OnceReadSource;
  /** What can be had at any time, and what is read again. */
  readonly #atAnyTime: ImageSource;
  readonly #meetings = new Meetings<number>({
    isAwaited: (wants, key) => [...wants].some((place) => place <= key),
    compare: (a, b) => a - b,
  });
  /** The first place that may still come. */
  #next = 0;

  constructor(source: OnceReadSource) {
    this.#source = source;
    this.#atAnyTime = sharedSource(source);
  }

  /** A target that begins, and what it may come for. All of them attend before one of them begins. */
  attend(wanted: readonly Wanted[]): Attendee {
    const needs = new Map<number, Set<string>>();
    for (const { image, lacking } of wanted) {
      for (const blob of lacking) {
        const place = this.#source.placeOf(image, blob);
        if (place !== undefined) needs.set(place, (needs.get(place) ?? new Set()).add(image.reference));
      }
    }
    const party = this.#meetings.join(needs.keys());
    return {
      source: withBlobs(this.#source, (image, blob, options = {}) => {
        const place = this.#source.placeOf(image, blob);
        const isToCome = place !== undefined && place >= this.#next && (options.from ?? 0) === 0;
        return isToCome
          ? Promise.resolve(this.#open(party, place, { image, blob, signal: options.signal }))
          : this.#atAnyTime.openBlob(image, blob, options);
      }),
      attempt: ({ reference }) => {
        party.running += 1;
        return () => {
          party.running -= 1;
          for (const [place, images] of needs) {
            if (images.delete(reference) && images.size === 0) party.wants.delete(place);
          }
          this.#meetings.look();
        };
      },
      leave: () => this.#meetings.leave(party),
    };
  }

  #open(
    party: Party<number>,
    key: number,
    { image, blob, signal }: { image: LockedImage; blob: Descriptor; signal: AbortSignal | undefined },
  ): Readable {
    for (const place of party.wants) if (place <= key) party.wants.delete(place);
    const out = new PassThrough({ highWaterMark: 1024 * 1024 });
    // Whoever leaves while others are waited for is not waited for any more.
    const stop = new AbortController();
    out.once('close', () => stop.abort());
    if (signal !== undefined) addAbortSignal(signal, out);
    const open = (unwanted: AbortSignal): AsyncIterable<Buffer> => this.#read(key, image, blob, unwanted);
    const name = `${image.reference}: blob ${blob.digest}`;
    // pipeline destroys `out` with the fault; the callback only keeps it from throwing.
    pipeline(this.#meetings.read(party, { key, name, open, signal: stop.signal }), out, () => undefined);
    return out;
  }

  async *#read(
    place: number,
    image: LockedImage,
    blob: Descriptor,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    this.#next = Math.max(this.#next, place + 1);
    yield* addAbortSignal(
      signal,
      await this.#source.openBlob(image, blob, { signal }),
    ) as AsyncIterable<Buffer>;
  }
}
