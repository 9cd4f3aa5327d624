import pLimit from 'p-limit';
import type { LockedImage } from '../core/image.ts';
import type { ImageTarget, Presence } from '../core/ports.ts';
import { usualTargetsAtOnce } from './pace.ts';
import type { FoundTarget } from './targets.ts';

/** Milliseconds for which an answer counts. An engine is not left alone for as long as a slow medium takes. */
const lasting = 10_000;

interface Answered {
  readonly images: readonly LockedImage[];
  readonly answers: readonly Presence[];
  readonly at: number;
}

/**
 * Asks targets what they have of a bundle while its bytes are still being verified. To ask is to send nothing of it, and names and
 * digests are asked about only once they are known to be signed (`begin`).
 */
export class EarlySurvey {
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #now: () => number;
  readonly #images: Promise<readonly LockedImage[]>;
  readonly #answered = new Map<ImageTarget, Promise<Answered | undefined>>();
  #hasBegun = false;
  #begin: (images: readonly LockedImage[]) => void = () => undefined;
  #tell: (target: ImageTarget) => void = () => undefined;

  /** `now`: milliseconds of any clock that only goes forward. */
  constructor(atOnce = usualTargetsAtOnce, now = (): number => performance.now()) {
    this.#limit = pLimit(atOnce);
    this.#now = now;
    this.#images = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** The same targets: each is asked as soon as it is open and there is something to ask about. */
  over(found: readonly FoundTarget[]): readonly FoundTarget[] {
    return found.map((open) => {
      const opening = async (signal: AbortSignal, quietly?: boolean): Promise<ImageTarget> => {
        const target = await open(signal, quietly);
        this.#answered.set(target, this.#ask(target, signal));
        return target;
      };
      return Object.assign(opening, { url: open.url, isOverSsh: open.isOverSsh });
    });
  }

  /**
   * What to ask about: images of a bundle whose signature and document were found good. `tell` is called before a target is asked, with
   * what it has to know for its answer.
   */
  begin(choose: () => readonly LockedImage[], tell = this.#tell): void {
    try {
      this.#tell = tell;
      this.#begin(choose());
      this.#hasBegun = true;
    } catch {
      // Met again, and told, when they are chosen to be brought.
    }
  }

  /**
   * What a target said of exactly these images, as soon as it has. Undefined where it was not asked, where that failed, and where
   * it was so long ago that it has to be asked anew.
   */
  async answer(
    target: ImageTarget,
    images: readonly LockedImage[],
  ): Promise<readonly Presence[] | undefined> {
    if (!this.#hasBegun) return undefined;
    const answered = await this.#answered.get(target);
    if (answered === undefined || this.#now() - answered.at > lasting) return undefined;
    return isSame(answered.images, images) ? answered.answers : undefined;
  }

  async #ask(target: ImageTarget, signal: AbortSignal): Promise<Answered | undefined> {
    const images = await this.#images;
    try {
      const answers = await this.#limit(() => {
        this.#tell(target);
        return target.survey(images, signal);
      });
      return { images, answers, at: this.#now() };
    } catch {
      // Whoever still wants to know asks again, and meets the fault.
      return undefined;
    }
  }
}

function isSame(some: readonly LockedImage[], others: readonly LockedImage[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ reference, manifest }, at) => {
      const other = others[at];
      return reference === other?.reference && manifest.digest === other.manifest.digest;
    })
  );
}
