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

/**
 * The renderer that is wanted; `auto` means bars on a terminal and plain lines elsewhere. It ends with the run: what is
 * said of an interruption stands below it, and nothing is drawn over it. `verbose` adds lines for single blobs.
 */
export function makeRenderer(context: Context, kind: ProgressKind, verbose = false): Renderer {
  const renderer = rendererOf(context, kind, verbose);
  const { signal } = context;
  signal.addEventListener('abort', renderer.stop, { once: true });
  const emit: Emit = (event) => {
    // What a server still answers is part of its log.
    if (!signal.aborted || event.type === 'request') renderer.emit(event);
  };
  return { emit, stop: renderer.stop };
}

function rendererOf(context: Context, kind: ProgressKind, blobs: boolean): Renderer {
  const { env, stderr } = context;
  const lines = (): Renderer => plainRenderer(stderr, blobs);
  const bars = (): Renderer => barRenderer(stderr, { ascii: !isUtf8(env), blobs });
  const onTerminal = stderr.isTTY === true;
  const isLog = env['TERM'] === 'dumb' || !['', 'false', '0'].includes(env['CI'] ?? '');
  switch (kind) {
    case 'none':
      return { emit: warningsOnly(context), stop: () => undefined };
    case 'json':
      return jsonRenderer(stderr);
    case 'plain':
      return lines();
    case 'tty':
      // Bars move the cursor: where there is none, lines have to do.
      return onTerminal ? bars() : lines();
    case 'auto':
      return onTerminal && !isLog ? bars() : lines();
  }
}

/** Has this terminal block characters? The first of these variables that is set decides (POSIX, locales). */
function isUtf8(env: Context['env']): boolean {
  const locale = ['LC_ALL', 'LC_CTYPE', 'LANG'].map((name) => env[name] ?? '').find((value) => value !== '');
  return /utf-?8/i.test(locale ?? '');
}

/** Quiet does not mean deaf: warnings are still told. */
function warningsOnly(context: Context): Emit {
  const { emit } = plainRenderer(context.stderr);
  return (event) => {
    if (event.type === 'note' && event.level === 'warning') emit(event);
  };
}
