import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource, SaveOptions, UnpackedImages } from '../core/ports.ts';
import { untilAborted } from '../registry/interrupted.ts';
import { SharedSave } from './shared-save.ts';
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

interface State {
  /** The images that it has still to come for. */
  readonly wants: Set<string>;
  /** Images that are being brought there. */
  running: number;
  /** Those of them that wait for other targets to come. */
  waiting: number;
}

interface Meeting {
  readonly save: SharedSave;
  readonly members: Set<State>;
  /** Resolves when the reading begins. */
  readonly begun: Promise<void>;
  readonly begin: () => void;
}

/**
 * Has an engine save each image once for all targets that are to get it. Whoever comes for an image waits until all others
 * that want it have come, have got or given it up, or cannot come before somebody goes on: targets that lack different
 * layers take their images in different orders. Whoever comes later, or a second time, has it saved for itself; unless it was
 * the connection to the engine that broke, for all of them.
 */
export class SaveMeetings {
  readonly #unpacked: UnpackedImages;
  readonly #source: ImageSource;
  readonly #attendees = new Set<State>();
  /** Those that have not begun, the oldest first. */
  readonly #meetings = new Map<string, Meeting>();
  #isLooking = false;

  constructor(source: ImageSource, unpacked: UnpackedImages) {
    this.#source = source;
    this.#unpacked = unpacked;
  }

  /** A target that begins, and the images that it may come for. */
  attend(images: readonly LockedImage[]): Attendee {
    const state: State = { wants: new Set(images.map(keyOf)), running: 0, waiting: 0 };
    this.#attendees.add(state);
    return {
      source: withBlobs(this.#source, (image, blob, options) => this.#source.openBlob(image, blob, options), {
        resolve: (reference, platform, signal) => this.#unpacked.resolve(reference, platform, signal),
        openSave: (image, options) => this.#openSave(state, image, options),
      }),
      attempt: (image) => {
        state.running += 1;
        return () => {
          state.running -= 1;
          state.wants.delete(keyOf(image));
          this.#look();
        };
      },
      leave: () => {
        this.#attendees.delete(state);
        this.#look();
      },
    };
  }

  async *#openSave(
    state: State,
    image: LockedImage,
    options: SaveOptions = {},
  ): AsyncGenerator<Buffer, void> {
    const key = keyOf(image);
    // A second time: what was sent first was refused, or its connection broke.
    if (!state.wants.delete(key)) {
      yield* this.#unpacked.openSave(image, options);
      return;
    }
    const meeting = this.#meetings.get(key) ?? this.#call(key, image);
    const place = meeting.save.join();
    meeting.members.add(state);
    state.waiting += 1;
    this.#look();
    try {
      await untilAborted(meeting.begun, options.signal, image.reference);
    } catch (fault) {
      meeting.members.delete(state);
      if (!meeting.save.leave(place) && this.#meetings.get(key) === meeting) this.#meetings.delete(key);
      throw fault;
    } finally {
      state.waiting -= 1;
      this.#look();
    }
    try {
      yield* meeting.save.read(place, options.signal);
    } catch (fault) {
      // So it did for all of them: they come again, and meet again.
      if (fault instanceof PackferryError && fault.details.sourceBroke === true) state.wants.add(key);
      throw fault;
    }
  }

  #call(key: string, image: LockedImage): Meeting {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const save = new SharedSave((signal) => this.#unpacked.openSave(image, { signal }));
    const meeting: Meeting = { save, members: new Set(), begun, begin };
    this.#meetings.set(key, meeting);
    return meeting;
  }

  /** Begins what nobody is to be waited for any more; once all that is about to happen has happened. */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      const awaited = [...this.#meetings].map(([key, meeting]) => ({
        key,
        meeting,
        others: [...this.#attendees].filter((one) => one.wants.has(key) && !meeting.members.has(one)),
      }));
      const complete = awaited.filter(({ others }) => others.length === 0);
      // One is enough: whoever goes on may come to the next one.
      const blocked = awaited.filter(({ others }) => others.every(isStuck)).slice(0, 1);
      for (const { key, meeting } of complete.length > 0 ? complete : blocked) {
        this.#meetings.delete(key);
        meeting.begin();
      }
    });
  }
}

/** Does all that is brought there wait for others? */
function isStuck({ running, waiting }: State): boolean {
  return running > 0 && waiting === running;
}

function keyOf({ reference, config }: LockedImage): string {
  return `${reference} ${config.digest}`;
}
