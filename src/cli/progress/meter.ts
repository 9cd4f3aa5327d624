import type { Event } from '../../core/events.ts';

/** How far a task is: items and bytes, those that were already there included. */
export interface Standing {
  readonly items: number;
  readonly itemsDone: number;
  readonly bytes: number;
  readonly bytesDone: number;
  /** Bytes per second that really moved, over the whole task. */
  readonly rate: number;
  /** Seconds that are left at this rate; undefined while nobody can tell. */
  readonly secondsLeft: number | undefined;
}

/** Adds up the events of one task. The sum never falls, whatever order events come in. */
export class Meter {
  readonly #items: number;
  readonly #bytes: number;
  readonly #start: number;
  readonly #progress = new Map<string, number>();
  #itemsDone = 0;
  #moved = 0;
  #present = 0;

  constructor(items: number, bytes: number, now: number) {
    this.#items = items;
    this.#bytes = bytes;
    this.#start = now;
  }

  add(event: Event): void {
    switch (event.type) {
      case 'progress':
        this.#move(event.item, event.bytes);
        break;
      case 'done':
        this.#itemsDone += 1;
        if (event.bytes !== undefined) this.#move(event.item, event.bytes);
        break;
      case 'skipped':
        this.#itemsDone += 1;
        this.#present += event.bytes ?? 0;
        break;
      case 'failed':
        this.#itemsDone += 1;
        break;
      case 'started':
        this.#progress.set(event.item, event.present ?? 0);
        this.#present += event.present ?? 0;
        break;
      case 'planned':
      case 'finished':
      case 'waiting':
      case 'note':
    }
  }

  #move(item: string, bytes: number): void {
    const before = this.#progress.get(item) ?? 0;
    if (bytes <= before) return;
    this.#progress.set(item, bytes);
    this.#moved += bytes - before;
  }

  standing(now: number): Standing {
    const seconds = Math.max(0.001, (now - this.#start) / 1000);
    const bytesDone = Math.min(this.#bytes, this.#moved + this.#present);
    const rate = this.#moved / seconds;
    return {
      items: this.#items,
      itemsDone: this.#itemsDone,
      bytes: this.#bytes,
      bytesDone,
      rate,
      secondsLeft: rate > 0 ? (this.#bytes - bytesDone) / rate : undefined,
    };
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
