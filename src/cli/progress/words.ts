import type { Event, Task } from '../../core/events.ts';
import { count } from '../text/plural.ts';
import { visible } from '../text/visible.ts';

/** How each task is called while it runs and when one of its items is done. */
export const taskWords: Readonly<Record<Task, { readonly running: string; readonly done: string }>> = {
  scan: { running: 'Scanning', done: 'scanned' },
  resolve: { running: 'Resolving', done: 'resolved' },
  pull: { running: 'Pulling', done: 'pulled' },
  sign: { running: 'Signing', done: 'signed' },
  verify: { running: 'Verifying', done: 'verified' },
  lend: { running: 'Verifying', done: 'verified' },
  build: { running: 'Building', done: 'built' },
  deliver: { running: 'Loading', done: 'loaded' },
};

/** `3 archives`: so many items of a task. */
export function countItems(task: Task, number: number): string {
  return count(number, nounOf(task));
}

function nounOf(task: Task): string {
  switch (task) {
    case 'pull':
      return 'blob';
    case 'verify':
      return 'archive';
    case 'lend':
      return 'lent layer';
    case 'scan':
    case 'sign':
      return 'file';
    case 'resolve':
    case 'build':
    case 'deliver':
      return 'image';
  }
}

type ItemEvent = Extract<Event, { readonly item: string }>;

/** Is the item a blob, one of many that make an image? */
export function isBlob({ item }: Pick<ItemEvent, 'item'>): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(item);
}

/** What tells an item from the others of its task. */
export function itemKey({ item, target }: Pick<ItemEvent, 'item' | 'target'>): string {
  return target === undefined ? item : `${item} to ${target}`;
}

/** The name of an item, with what it is and where it goes: digests are cut to the length at which people compare them. */
export function itemName(event: ItemEvent): string {
  const name = isBlob(event) ? `blob ${event.item.slice(7, 19)}` : event.item;
  const label = 'label' in event ? `, ${event.label}` : '';
  const target = event.target === undefined ? '' : ` to ${event.target}`;
  return visible(`${name}${label}${target}`);
}
