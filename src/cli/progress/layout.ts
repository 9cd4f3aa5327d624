import type { Task } from '../../core/events.ts';
import { formatSize } from '../../core/size.ts';
import { visible } from '../text/visible.ts';
import type { Board, Running, Work } from './board.ts';
import { rateOf } from './lines.ts';
import { formatSeconds } from './meter.ts';
import { taskWords } from './words.ts';

/** One line on a terminal: a bar where it is known how far something is, then words. */
export interface Line {
  /** From 0 to 1. */
  readonly part?: number;
  /** Characters of the bar; 0 where there is no room for one. */
  readonly barSize: number;
  readonly text: string;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Columns from which on sizes and the time left stand side by side. */
const wideFrom = 76;

/** Milliseconds that an item runs before it gets a line: small ones would only flash up. */
const patience = 250;

/**
 * What a terminal shows, top to bottom: what is waited for, the largest items that are under way, the totals. The totals
 * are always there; the others get at most half of the lines, and none where there are five or fewer.
 */
export function layout(board: Board, size: Size, now: number): Line[] {
  const barSize = barSizeFor(size.columns);
  const totals = [...board.tasks]
    .filter(([, { isPlanned }]) => isPlanned)
    .map(([task, work]) => totalLine(task, work, size, now));
  const others = [
    ...waitLines(board, now),
    ...runningItems(board, now).map((item) => itemLine(item, barSize)),
  ];
  const room = Math.max(totals.length === 0 ? 1 : 0, Math.min(Math.floor(size.rows / 2), size.rows - 5));
  return [...others.slice(0, room), ...totals];
}

/** As wide as the rest of the total's line allows; on narrow terminals names need the room more. */
function barSizeFor(columns: number): number {
  const room = columns >= wideFrom ? Math.min(30, columns - 68) : Math.min(10, columns - 43);
  return room < 4 ? 0 : room;
}

function waitLines(board: Board, now: number): Line[] {
  const [wait, ...others] = board.waits(now);
  if (wait === undefined) return [];
  const left = formatSeconds((Date.parse(wait.until) - now) / 1000);
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const text = `waiting ${left}${more}: ${visible(wait.what)}: ${visible(wait.reason)}`;
  return [{ barSize: 0, text }];
}

/** Largest first; those of unknown size come last. */
function runningItems(board: Board, now: number): Running[] {
  return [...board.tasks.values()]
    .flatMap(({ running, isPlanned }) =>
      [...running.values()].filter(({ bytes }) => !isPlanned || (bytes ?? 0) > 0),
    )
    .filter(({ since }) => now - since >= patience)
    .sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
}

function itemLine({ name, bytes, at }: Running, barSize: number): Line {
  if (bytes === undefined) {
    return { barSize: 0, text: at === 0 ? name : `${formatSize(at)}  ${name}` };
  }
  return { part: Math.min(1, at / bytes), barSize, text: `${formatSize(bytes).padStart(10)}  ${name}` };
}

function totalLine(task: Task, { meter }: Work, { columns }: Size, now: number): Line {
  const { items, itemsDone, bytes, bytesDone, rate, secondsLeft } = meter.standing(now);
  const barSize = barSizeFor(columns);
  const { running } = taskWords[task];
  if (bytes === 0) {
    return {
      part: items === 0 ? 1 : itemsDone / items,
      barSize,
      text: `${running} ${itemsDone} of ${items}`,
    };
  }
  const moving = `${rateOf(rate)}, ${formatSeconds(secondsLeft)} left`;
  const sizes = columns >= wideFrom ? `${formatSize(bytesDone)} of ${formatSize(bytes)}, ` : '';
  return { part: bytesDone / bytes, barSize, text: `${running} ${sizes}${moving}` };
}
