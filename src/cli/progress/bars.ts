import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Event, Task } from '../../core/events.ts';
import { formatSize } from '../../core/size.ts';
import { count } from '../text/plural.ts';
import { visible } from '../text/visible.ts';
import type { Output } from '../context.ts';
import { formatSeconds, Meter } from './meter.ts';
import type { Renderer } from './renderer.ts';
import { itemName, taskWords, waitingLine } from './words.ts';

/** Most items that get a bar of their own; fewer where the terminal is low. */
const mostBars = 8;

interface Shown {
  readonly meter: Meter;
  readonly total: SingleBar;
  readonly items: Map<string, SingleBar>;
  readonly present: { items: number; bytes: number };
}

/**
 * Bars for a terminal: one for the whole task, below it one for each item that is being worked on. They vanish when the
 * task is finished; what is worth keeping is printed above them.
 */
export function barRenderer(stderr: Output): Renderer {
  const shown = new Map<Task, Shown>();
  let bars: MultiBar | undefined;
  const room = Math.max(1, Math.min(mostBars, (stderr.rows ?? 24) - 4));
  const columns = Math.max(40, stderr.columns ?? 80);

  const start = (event: Extract<Event, { type: 'planned' }>): void => {
    bars ??= new MultiBar(
      {
        stream: stderr,
        clearOnComplete: true,
        hideCursor: true,
        fps: 8,
        barsize: Math.max(10, Math.min(30, columns - 60)),
        format: ' {bar} {percentage}% {text}',
        linewrap: false,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    const total = bars.create(event.bytes > 0 ? event.bytes : Math.max(1, event.items), 0, { text: '' });
    shown.set(event.task, {
      meter: new Meter(event.items, event.bytes, Date.now()),
      total,
      items: new Map(),
      present: { items: 0, bytes: 0 },
    });
  };
  const say = (line: string): void => {
    if (bars === undefined || shown.size === 0) stderr.write(`${line}\n`);
    else bars.log(`${line}\n`);
  };
  // A rerun may find hundreds of blobs that are there: one line tells of all.
  const tellPresent = ({ items, bytes }: Shown['present']): void => {
    if (items === 0) return;
    bars?.log(`skipped ${count(items, 'blob')} (${formatSize(bytes)}): already present\n`);
  };
  const end = (task: Task): void => {
    const state = shown.get(task);
    if (state === undefined || bars === undefined) return;
    shown.delete(task);
    tellPresent(state.present);
    for (const bar of [...state.items.values(), state.total]) bars.remove(bar);
    if (shown.size > 0) return;
    bars.stop();
    bars = undefined;
  };
  const advance = (event: Exclude<Event, { type: 'note' | 'planned' | 'finished' | 'waiting' }>): void => {
    const task = shown.get(event.task);
    if (task === undefined || bars === undefined) return;
    task.meter.add(event);
    if (event.type === 'started') {
      // One that starts once more, after a damaged beginning, has its bar already.
      const isShown = task.items.has(event.item) || task.items.size >= room;
      if (!isShown && event.bytes !== undefined && event.bytes > 0) {
        task.items.set(event.item, bars.create(event.bytes, 0, { text: itemName(event) }));
      }
    } else if (event.type === 'progress') {
      task.items.get(event.item)?.update(event.bytes);
    } else {
      const bar = task.items.get(event.item);
      if (bar !== undefined) bars.remove(bar);
      task.items.delete(event.item);
    }
    const standing = task.meter.standing(Date.now());
    const { bytes, bytesDone, items, itemsDone, rate, secondsLeft } = standing;
    const words = taskWords[event.task].running;
    if (bytes > 0) {
      const left = `${formatSize(rate)}/s, ${formatSeconds(secondsLeft)} left`;
      task.total.update(bytesDone, {
        text: `${words} ${formatSize(bytesDone)} of ${formatSize(bytes)}, ${left}`,
      });
    } else {
      task.total.update(itemsDone, { text: `${words} ${itemsDone} of ${items}` });
    }
  };
  const skip = (event: Extract<Event, { type: 'skipped' }>): void => {
    const state = shown.get(event.task);
    if (state === undefined || event.task !== 'pull') {
      say(`skipped ${itemName(event)}: ${event.reason}`);
      return;
    }
    state.present.items += 1;
    state.present.bytes += event.bytes ?? 0;
  };
  const emit = (event: Event): void => {
    if (event.type === 'planned') start(event);
    else if (event.type === 'finished') end(event.task);
    else if (event.type === 'waiting') say(waitingLine(event));
    else if (event.type === 'note')
      say(`${event.level === 'warning' ? 'warning: ' : ''}${visible(event.message)}`);
    else advance(event);
    if (event.type === 'failed') say(`failed ${itemName(event)} (${event.error.code})`);
    if (event.type === 'skipped') skip(event);
  };
  const stop = (): void => {
    for (const task of [...shown.keys()]) end(task);
  };
  return { emit, stop };
}
