import type { Event } from '../../core/events.ts';
import { MovingRate } from './moving-rate.ts';
import { itemKey } from './words.ts';

/** How far a task is: items and bytes, those that were already there included. */
export interface Standing {
  readonly items: number;
  readonly itemsDone: number;
  readonly bytes: number;
  readonly bytesDone: number;
  /** Bytes per second that really moved, over the last ten seconds. */
  readonly rate: number;
  /** Seconds that are left, by the rate of a longer time so that it does not jump; undefined while nobody can tell. */
  readonly secondsLeft: number | undefined;
}

/** What is known of one item, in bytes. */
interface Account {
  /** Where it stands: falls when the item starts anew. */
  readonly at: number;
  /** What the sum holds of it: never falls. */
  readonly counted: number;
}

type Progress = Extract<Event, { readonly type: 'progress' }>;

/** Milliseconds. The rate is to be seen falling when a download stalls, the time left is to be steady. */
const rateWindow = 10_000;
const leftWindow = 30_000;

/** Adds up the events of one task. The sum never falls, whatever order events come in. */
export class Meter {
  readonly #items: number;
  readonly #bytes: number;
  readonly #accounts = new Map<string, Account>();
  readonly #ended = new Set<string>();
  readonly #rate: MovingRate;
  #counted = 0;

  /** `bytes` is `Infinity` where nobody knows how many there will be. Times are milliseconds. */
  constructor(items: number, bytes: number, now: number) {
    this.#items = items;
    this.#bytes = bytes;
    this.#rate = new MovingRate(now, leftWindow);
  }

  add(event: Event, now: number): void {
    switch (event.type) {
      case 'started':
        this.#stand(itemKey(event), event.present ?? 0);
        break;
      case 'progress':
        this.#move(event, now);
        break;
      case 'done':
      case 'skipped':
        // What was not told as progress did not move: a target had it already.
        this.#stand(itemKey(event), event.bytes ?? 0);
        this.#ended.add(itemKey(event));
        break;
      case 'failed':
        this.#ended.add(itemKey(event));
        break;
      case 'planned':
      case 'finished':
      case 'waiting':
      case 'image-complete':
      case 'serving':
      case 'request':
      case 'note':
    }
  }

  #move(event: Progress, now: number): void {
    const { bytes, present = 0 } = event;
    const item = itemKey(event);
    const before = this.#accounts.get(item)?.at ?? 0;
    // An event that comes late tells nothing new.
    if (bytes <= before || this.#ended.has(item)) return;
    this.#rate.add(bytes - Math.max(before, present), now);
    this.#stand(item, bytes);
  }

  #stand(item: string, at: number): void {
    const before = this.#accounts.get(item)?.counted ?? 0;
    const counted = Math.max(before, at);
    this.#accounts.set(item, { at, counted });
    this.#counted += counted - before;
  }

  standing(now: number): Standing {
    const bytesDone = Math.min(this.#bytes, this.#counted);
    const rate = this.#rate.over(rateWindow, now);
    return {
      items: this.#items,
      itemsDone: Math.min(this.#items, this.#ended.size),
      bytes: this.#bytes,
      bytesDone,
      rate,
      secondsLeft: this.#secondsFor(this.#bytes - bytesDone, rate, now),
    };
  }

  /** While nothing moves at all, nobody can tell. */
  #secondsFor(left: number, rate: number, now: number): number | undefined {
    if (left === 0) return 0;
    return rate > 0 ? left / this.#rate.over(leftWindow, now) : undefined;
  }
}

/** `45s`, `3m20s`, `1h05m`. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '?';
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}
