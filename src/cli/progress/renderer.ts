import type { Emit } from '../../core/events.ts';
import type { Context } from '../context.ts';
import { barRenderer } from './bars.ts';
import type { ProgressKind } from './kinds.ts';
import { jsonRenderer } from './json-lines.ts';
import { plainRenderer } from './plain.ts';

/** Shows the events of a run on stderr. */
export interface Renderer {
  readonly emit: Emit;
  /** Ends all animation: what is printed after it stands below. */
  readonly stop: () => void;
}

/** The renderer that is wanted; `auto` means bars on a terminal and plain lines elsewhere. */
export function makeRenderer(context: Context, kind: ProgressKind): Renderer {
  const onTerminal =
    context.stderr.isTTY === true && context.env['TERM'] !== 'dumb' && context.env['CI'] === undefined;
  switch (kind) {
    case 'none':
      return { emit: warningsOnly(context), stop: () => undefined };
    case 'json':
      return jsonRenderer(context.stderr);
    case 'plain':
      return plainRenderer(context.stderr);
    case 'tty':
      return barRenderer(context.stderr);
    case 'auto':
      return onTerminal ? barRenderer(context.stderr) : plainRenderer(context.stderr);
  }
}

/** Quiet does not mean deaf: warnings are still told. */
function warningsOnly(context: Context): Emit {
  const plain = plainRenderer(context.stderr);
  return (event) => {
    if (event.type === 'note' && event.level === 'warning') plain.emit(event);
  };
}
