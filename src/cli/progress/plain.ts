import type { Event } from '../../core/events.ts';
import type { Output } from '../context.ts';
import { visible } from '../text/visible.ts';
import { Board } from './board.ts';
import { lineOf, standingLine } from './lines.ts';
import type { Renderer } from './renderer.ts';

const heartbeat = 10_000;

/**
 * Plain lines for logs and pipes: one when an item ends, and a heartbeat every ten seconds while something is under way. Of
 * images that are pulled in blobs there is one line for each image; `blobs` adds those of the blobs.
 */
export function plainRenderer(stderr: Output, blobs = false): Renderer {
  const board = new Board();
  const say = (line: string): void => {
    stderr.write(`${visible(line)}\n`);
  };
  // Beats only while a task is under way: a prompt may stop it, and the next task starts it again.
  let beat: NodeJS.Timeout | undefined;
  const tellStanding = (): void => {
    for (const [task, { meter, running }] of board.tasks) {
      const names = [...running.values()].map(({ name }) => name);
      say(standingLine(task, meter.standing(Date.now()), names));
    }
  };
  const stop = (): void => {
    clearInterval(beat);
    beat = undefined;
  };
  const emit = (event: Event): void => {
    board.add(event, Date.now());
    if (board.tasks.size === 0) stop();
    else beat ??= setInterval(tellStanding, heartbeat).unref();
    const line = lineOf(event, blobs);
    if (line !== undefined) say(line);
  };
  return { emit, stop };
}
