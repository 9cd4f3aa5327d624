import type { Event, Task } from '../../core/events.ts';
import { formatSize } from '../../core/size.ts';
import { count } from '../text/plural.ts';
import { visible } from '../text/visible.ts';
import type { Output } from '../context.ts';
import { formatSeconds, Meter } from './meter.ts';
import type { Renderer } from './renderer.ts';
import { itemName, taskWords, waitingLine } from './words.ts';

const heartbeat = 10_000;

/** Plain lines for logs and pipes: one when an item ends, and a heartbeat every ten seconds while bytes move. */
export function plainRenderer(stderr: Output): Renderer {
  const meters = new Map<Task, Meter>();
  const say = (line: string): void => {
    stderr.write(`${line}\n`);
  };
  // Beats only while a task is under way: a prompt may stop it, and the next task starts it again.
  let beat: NodeJS.Timeout | undefined;
  const tellStanding = (): void => {
    for (const [task, meter] of meters) {
      const { items, itemsDone, bytes, bytesDone, rate, secondsLeft } = meter.standing(Date.now());
      const { running } = taskWords[task];
      if (bytes === 0) {
        say(`${running}: ${itemsDone} of ${count(items, nounOf(task))}`);
        continue;
      }
      const percent = Math.floor((bytesDone / bytes) * 100);
      say(
        `${running}: ${percent}%, ${formatSize(bytesDone)} of ${formatSize(bytes)}, ${formatSize(rate)}/s, ${formatSeconds(secondsLeft)} left`,
      );
    }
  };
  const stop = (): void => {
    clearInterval(beat);
    beat = undefined;
  };
  const emit = (event: Event): void => {
    if (event.type === 'planned') {
      meters.set(event.task, new Meter(event.items, event.bytes, Date.now()));
      beat ??= setInterval(tellStanding, heartbeat).unref();
    } else if ('task' in event) meters.get(event.task)?.add(event);
    if (event.type === 'finished') meters.delete(event.task);
    if (meters.size === 0) stop();
    const line = lineOf(event);
    if (line !== undefined) say(line);
  };
  return { emit, stop };
}

/** What is worth a line in a log. */
function lineOf(event: Event): string | undefined {
  switch (event.type) {
    case 'planned':
      return event.items === 0
        ? undefined
        : `${taskWords[event.task].running} ${count(event.items, nounOf(event.task))}${event.bytes > 0 ? `, ${formatSize(event.bytes)}` : ''}`;
    case 'done':
      return `${taskWords[event.task].done} ${itemName(event)}${event.bytes === undefined ? '' : ` (${formatSize(event.bytes)})`}${event.detail === undefined ? '' : `, ${visible(event.detail)}`}`;
    case 'skipped':
      return `skipped ${itemName(event)}: ${event.reason}`;
    case 'failed':
      // What happened is told at the end, of all failures together.
      return `failed ${itemName(event)} (${event.error.code})`;
    case 'note':
      return `${event.level === 'warning' ? 'warning: ' : ''}${visible(event.message)}`;
    case 'waiting':
      return waitingLine(event);
    case 'started':
    case 'progress':
    case 'finished':
      return undefined;
  }
}

/** What the items of a task are. */
function nounOf(task: Task): string {
  switch (task) {
    case 'pull':
      return 'blob';
    case 'verify':
      return 'archive';
    case 'scan':
    case 'sign':
      return 'file';
    case 'resolve':
    case 'deliver':
      return 'image';
  }
}
