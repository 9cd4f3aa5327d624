import type { Event, Task } from '../../core/events.ts';
import { visible } from '../text/visible.ts';

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
