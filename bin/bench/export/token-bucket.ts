/** Hands out bytes at a steady rate; what is not used is kept for a moment only. */
export class TokenBucket {
  readonly #perMillisecond: number;
  readonly #most: number;
  #tokens = 0;
  #filledAt: number;

  /** `rate` in bytes per second; `burst` is the milliseconds for which unused bytes are kept. */
  constructor(rate: number, burst: number, now: number) {
    this.#perMillisecond = rate / 1000;
    this.#most = this.#perMillisecond * burst;
    this.#filledAt = now;
  }

  /** Whole bytes that may be sent now. */
  available(now: number): number {
    const gained = (now - this.#filledAt) * this.#perMillisecond;
    this.#tokens = Math.min(this.#most, this.#tokens + gained);
    this.#filledAt = now;
    return Math.floor(this.#tokens);
  }

  take(bytes: number): void {
    this.#tokens -= bytes;
  }
}
