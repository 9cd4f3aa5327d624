/** A blob that others may help to fetch. */
export interface SharedWork {
  /** Bytes that nobody has begun to fetch. */
  readonly unclaimed: number;
  /** Fetches the next piece of it. Faults are met by whoever waits for the whole. */
  help(): Promise<void>;
}

/** Smaller pieces would spend more time on round trips than they save (bytes). */
const leastPiece = 2 * 1024 * 1024;

/**
 * Those who fetch side by side. All of them work at what comes first: what was begun is finished, with everybody's help,
 * before the next blob is. Pieces become smaller as less is left to do, as in guided self-scheduling (Polychronopoulos and
 * Kuck, 1987), so that nobody is idle at the end while another has a long one left. As long as there is plenty, every blob
 * is one piece.
 */
export class Crew {
  readonly #members: number;
  /** Bytes that nobody has begun to fetch, of all blobs. */
  #left: number;
  /** Who is at a blob of his own. */
  #busy = 0;
  readonly #shared = new Set<SharedWork>();
  readonly #idle = new Set<() => void>();

  constructor(bytes: number, members: number) {
    this.#left = bytes;
    this.#members = members;
  }

  /** Takes the next piece of a blob of which `unclaimed` bytes are left, and says how long it is. */
  take(unclaimed: number): number {
    // Who is alone has nobody to divide it with.
    const parts = this.#members > 1 ? 2 * this.#members : 1;
    const share = Math.max(leastPiece, Math.ceil(this.#left / parts));
    // No crumbs: what is little more than one piece is one piece.
    const piece = unclaimed < share * 1.5 ? unclaimed : share;
    this.done(piece);
    return piece;
  }

  /** Says that bytes need not be fetched any more. */
  done(bytes: number): void {
    this.#left = Math.max(0, this.#left - bytes);
  }

  /** Runs what one of them does alone, and what may become work to share: the idle wait for it. */
  async working(run: () => Promise<void>): Promise<void> {
    this.#busy += 1;
    try {
      await run();
    } finally {
      this.#busy -= 1;
      this.wake();
    }
  }

  /** Runs with work that others may take part in. */
  async sharing<T>(work: SharedWork, run: () => Promise<T>): Promise<T> {
    this.#shared.add(work);
    this.wake();
    try {
      return await run();
    } finally {
      this.#shared.delete(work);
    }
  }

  /** Calls the idle: there may be something to help with. */
  wake(): void {
    const idle = [...this.#idle];
    this.#idle.clear();
    for (const call of idle) call();
  }

  /** What was begun first of the blobs that can be helped with. */
  get open(): SharedWork | undefined {
    return [...this.#shared].find(({ unclaimed }) => unclaimed > 0);
  }

  /** Helps until nobody is at work any more. */
  async help(): Promise<void> {
    for (;;) {
      const work = this.open;
      if (work !== undefined) await work.help();
      else if (this.#busy === 0) return;
      else await new Promise<void>((resolve) => this.#idle.add(resolve));
    }
  }
}
