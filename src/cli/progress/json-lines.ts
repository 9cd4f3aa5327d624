import { reportError } from '../../flows/report.ts';
import type { Output } from '../context.ts';
import type { Renderer } from './renderer.ts';

/** One JSON object per event and line, for programs that run packferry. */
export function jsonRenderer(stderr: Output): Renderer {
  return {
    emit: (event) => {
      const shown = event.type === 'failed' ? { ...event, error: reportError(event.error) } : event;
      stderr.write(`${JSON.stringify(shown)}\n`);
    },
    stop: () => undefined,
  };
}
