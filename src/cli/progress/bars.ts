import type { Event, Task } from '../../core/events.ts';
import { formatSize } from '../../core/size.ts';
import { count } from '../text/plural.ts';
import { visible } from '../text/visible.ts';
import type { Output } from '../context.ts';
import { Board } from './board.ts';
import { layout } from './layout.ts';
import { lineOf } from './lines.ts';
import type { Renderer } from './renderer.ts';
import { Screen, sizeOf } from './screen.ts';
import { isBlob } from './words.ts';

/** Milliseconds from one frame to the next. */
const frameTime = 125;

export interface BarOptions {
  /** No block characters. */
  readonly ascii: boolean;
  /** A line above the bars for each blob and image that is done. */
  readonly blobs: boolean;
}

/**
 * Bars for a terminal: one for each large item that is being worked on, below them one for the whole task. They vanish when
 * the task is finished; what is worth keeping is printed above them.
 */
export function barRenderer(stderr: Output, { ascii, blobs }: BarOptions): Renderer {
  const board = new Board();
  const present = new Map<Task, { items: number; bytes: number }>();
  let screen: Screen | undefined;
  let clock: NodeJS.Timeout | undefined;

  const paint = (): void => {
    const now = Date.now();
    // Asked anew for every frame: the user may have changed the size of the window.
    const lines = layout(board, sizeOf(stderr), now);
    if (lines.length > 0) {
      screen ??= new Screen(stderr, ascii);
      screen.paint(lines);
    } else if (screen !== undefined) {
      screen.close();
      screen = undefined;
    }
    if (board.isIdle(now)) rest();
  };
  const rest = (): void => {
    clearInterval(clock);
    clock = undefined;
    screen?.close();
    screen = undefined;
  };
  const say = (words: string): void => {
    const line = visible(words);
    if (screen === undefined) stderr.write(`${line}\n`);
    else screen.say(line);
  };
  // A rerun may find hundreds of blobs that are there: one line tells of all.
  const countPresent = (event: Extract<Event, { readonly type: 'skipped' }>): void => {
    const sum = present.get(event.task) ?? { items: 0, bytes: 0 };
    present.set(event.task, { items: sum.items + 1, bytes: sum.bytes + (event.bytes ?? 0) });
  };
  const tellPresent = (task: Task): void => {
    const sum = present.get(task);
    present.delete(task);
    if (sum !== undefined)
      say(`skipped ${count(sum.items, 'blob')} (${formatSize(sum.bytes)}): already present`);
  };
  const emit = (event: Event): void => {
    // The last frame of a task shows where it ended.
    if (event.type === 'finished') {
      tellPresent(event.task);
      if (screen !== undefined) paint();
    }
    board.add(event, Date.now());
    if (event.type === 'skipped' && isBlob(event) && !blobs) countPresent(event);
    const line = isShownByBars(event, blobs) ? undefined : lineOf(event, blobs);
    if (line !== undefined) say(line);
    if (event.type === 'planned' || event.type === 'finished') paint();
    if (!board.isIdle(Date.now())) clock ??= setInterval(paint, frameTime).unref();
  };
  const stop = (): void => {
    for (const task of [...present.keys()]) tellPresent(task);
    board.clear();
    rest();
  };
  return { emit, stop };
}

/** The bars tell it already. */
function isShownByBars({ type }: Event, blobs: boolean): boolean {
  return ['planned', 'waiting'].includes(type) || (!blobs && ['done', 'image-complete'].includes(type));
}
