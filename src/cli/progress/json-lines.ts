import type { ExitStatus, PackferryError } from '../../core/errors.ts';
import type { Event } from '../../core/events.ts';
import { reportError, reportFailure } from '../../flows/report.ts';
import type { EventLine } from '../../schema/events.ts';
import { eventVersion } from '../../schema/versions.ts';
import type { Output } from '../context.ts';
import { jsonText } from '../../core/json-text.ts';
import type { Renderer } from './renderer.ts';
import { itemKey } from './words.ts';

/** Milliseconds between two lines of progress of one item: a chunk is no news. */
const pause = 500;

/** One JSON object per event and line, for programs that run packferry. */
export function jsonRenderer(stderr: Output): Renderer {
  const told = new Map<string, number>();
  const isNews = (event: Event, now: number): boolean => {
    if (!('item' in event)) return true;
    const key = `${event.task} ${itemKey(event)}`;
    if (event.type !== 'progress') {
      told.delete(key);
      return true;
    }
    if (now - (told.get(key) ?? -Infinity) < pause) return false;
    told.set(key, now);
    return true;
  };
  return {
    emit: (event) => {
      const now = Date.now();
      if (isNews(event, now)) writeLine(stderr, new Date(now), withReport(event));
    },
    stop: () => undefined,
  };
}

/** The last line of a run: what others print as words. */
export function writeEnding(
  stderr: Output,
  status: ExitStatus,
  errors: readonly PackferryError[],
  summary: string | undefined,
): void {
  writeLine(stderr, new Date(), {
    type: 'ended',
    status,
    ...(summary === undefined ? {} : { summary }),
    errors: errors.map(reportFailure),
  });
}

/** An event as its line has it, without what every line has. */
type Content<Line> = Line extends EventLine ? Omit<Line, 'schemaVersion' | 'time'> : never;

function withReport(event: Event): Content<EventLine> {
  return event.type === 'failed' ? { ...event, error: reportError(event.error) } : event;
}

function writeLine(stderr: Output, time: Date, content: Content<EventLine>): void {
  const line = { schemaVersion: eventVersion, time: time.toISOString(), ...content };
  stderr.write(`${jsonText(line)}\n`);
}
