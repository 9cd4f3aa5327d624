interface Sample {
  readonly time: number;
  /** All that had moved by then. */
  readonly moved: number;
}

/** Milliseconds that become one sample: their number does not grow with the number of chunks. */
const grain = 200;

/** How fast bytes moved lately. Times are milliseconds. */
export class MovingRate {
  readonly #start: number;
  readonly #longest: number;
  /** By time; the first may be older than the longest window: it tells what had moved when the window began. */
  #samples: Sample[] = [];
  #moved = 0;

  /** `longest` is the longest window that will be asked for. */
  constructor(start: number, longest: number) {
    this.#start = start;
    this.#longest = longest;
  }

  add(bytes: number, now: number): void {
    this.#moved += bytes;
    const last = this.#samples.at(-1);
    const time = Math.ceil(now / grain) * grain;
    if (last !== undefined && time <= last.time) this.#samples.pop();
    this.#samples.push({ time: Math.max(time, last?.time ?? 0), moved: this.#moved });
    const begin = now - this.#longest;
    const kept = this.#samples.findLastIndex((sample) => sample.time < begin);
    if (kept > 0) this.#samples = this.#samples.slice(kept);
  }

  /** Bytes per second over the last `window`, or since the start where that is shorter. */
  over(window: number, now: number): number {
    const begin = Math.max(this.#start, now - window);
    const before = begin > this.#start ? this.#samples.findLast(({ time }) => time <= begin)?.moved : 0;
    return (this.#moved - (before ?? 0)) / (Math.max(1, now - begin) / 1000);
  }
}
