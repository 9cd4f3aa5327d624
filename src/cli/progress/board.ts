import type { Event, Task } from '../../core/events.ts';
import { visible } from '../text/visible.ts';
import { Meter } from './meter.ts';
import { itemKey } from './words.ts';

/** An item that is being worked on. */
export interface Running {
  /** What it is, the label where it has one, and where it goes. */
  readonly name: string;
  readonly bytes: number | undefined;
  readonly at: number;
  readonly since: number;
}

/** A task that is under way. */
export interface Work {
  readonly meter: Meter;
  /** False for items that came without a plan: they end with the last of them, and have no total. */
  readonly isPlanned: boolean;
  readonly running: Map<string, Running>;
}

export type Wait = Extract<Event, { readonly type: 'waiting' }>;

/** What a run is busy with at this moment, by its events. Times are milliseconds. */
export class Board {
  readonly tasks = new Map<Task, Work>();
  readonly #waits = new Map<string, Wait>();

  add(event: Event, now: number): void {
    if (event.type === 'waiting') this.#waits.set(event.what, event);
    if (!('task' in event)) return;
    if (event.type === 'planned') {
      const meter = new Meter(event.items, event.bytes, now);
      this.tasks.set(event.task, { meter, isPlanned: true, running: new Map() });
      return;
    }
    if (event.type === 'finished') {
      this.tasks.delete(event.task);
      return;
    }
    const work = this.tasks.get(event.task) ?? this.#unplanned(event, now);
    if (work === undefined) return;
    work.meter.add(event, now);
    const { running } = work;
    const key = itemKey(event);
    const before = running.get(key);
    if (event.type === 'started') {
      const { bytes, present = 0, label = event.item, target } = event;
      const name = visible(target === undefined ? label : `${label} to ${target}`);
      running.set(key, { name, bytes, at: present, since: before?.since ?? now });
    } else if (event.type === 'progress') {
      if (before !== undefined) running.set(key, { ...before, at: Math.max(before.at, event.bytes) });
    } else {
      running.delete(key);
      if (!work.isPlanned && running.size === 0) this.tasks.delete(event.task);
    }
  }

  /** Only what starts makes a task that nobody planned. */
  #unplanned(event: Extract<Event, { readonly item: string }>, now: number): Work | undefined {
    if (event.type !== 'started') return undefined;
    const work = { meter: new Meter(Infinity, Infinity, now), isPlanned: false, running: new Map() };
    this.tasks.set(event.task, work);
    return work;
  }

  /** Waits that have not ended, the one that ends last first. */
  waits(now: number): Wait[] {
    for (const [what, { until }] of this.#waits) if (Date.parse(until) <= now) this.#waits.delete(what);
    return [...this.#waits.values()].sort((a, b) => Date.parse(b.until) - Date.parse(a.until));
  }

  isIdle(now: number): boolean {
    return this.tasks.size === 0 && this.waits(now).length === 0;
  }

  clear(): void {
    this.tasks.clear();
    this.#waits.clear();
  }
}
