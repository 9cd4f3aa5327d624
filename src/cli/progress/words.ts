import type { Event, Task } from '../../core/events.ts';
import { visible } from '../text/visible.ts';
import { formatSeconds } from './meter.ts';

/** How each task is called while it runs and when one of its items is done. */
export const taskWords: Readonly<Record<Task, { readonly running: string; readonly done: string }>> = {
  scan: { running: 'Scanning', done: 'scanned' },
  resolve: { running: 'Resolving', done: 'resolved' },
  pull: { running: 'Pulling', done: 'pulled' },
  sign: { running: 'Signing', done: 'signed' },
  verify: { running: 'Verifying', done: 'verified' },
  deliver: { running: 'Loading', done: 'loaded' },
};

/** The name of an item: digests are cut to the length at which people compare them. */
export function itemName(event: Extract<Event, { readonly item: string }>): string {
  return visible(event.item.replace(/^sha256:([0-9a-f]{12})[0-9a-f]{52}$/, 'blob $1'));
}

/** A wait, with its end in local time: whoever reads it may want to do something else meanwhile. */
export function waitingLine(event: Extract<Event, { readonly type: 'waiting' }>): string {
  const end = new Date(event.until).toTimeString().slice(0, 8);
  const length = formatSeconds(event.milliseconds / 1000);
  return `waiting ${length}, until ${end}: ${visible(event.what)}: ${visible(event.reason)}`;
}
