import type { PackferryError } from '../core/errors.ts';
import { colours } from './text/colours.ts';
import { damageLines } from './text/damage.ts';
import { visible, visibleLines } from './text/visible.ts';
import type { Context } from './context.ts';

/**
 * Prints errors for people: the single faults first, what they sum up to last, since that is where the eye is.
 *
 *     error[E_CODE]: what happened
 *     hint: what to do
 */
export function printErrors(context: Context, errors: readonly PackferryError[], debug: boolean): void {
  for (const error of errors) context.stderr.write(`${errorText(context, error, debug)}\n`);
}

function errorText(context: Context, error: PackferryError, debug: boolean): string {
  const paint = colours(context);
  const lines = partsOf(error, '  ');
  lines.push(`${paint.red(`error[${error.code}]`)}: ${visible(error.message)}`);
  // Faults of one kind share their advice: once is enough.
  for (const hint of new Set(hintsOf(error))) lines.push(`${paint.bold('hint')}: ${visible(hint)}`);
  if (debug) lines.push(visibleLines(stackOf(error)));
  return lines.join('\n');
}

/** What an error sums up, each part on a line of its own, parts of parts indented below. */
function partsOf({ errors, details: { damage } }: PackferryError, indent: string): string[] {
  // Grouped by file, blob and image it says more than fault by fault.
  if (damage !== undefined) return damageLines(damage).map((line) => `${indent}${line}`);
  return errors.flatMap((part) => [`${indent}${visible(part.message)}`, ...partsOf(part, `${indent}  `)]);
}

function hintsOf(error: PackferryError): string[] {
  return [...error.errors.flatMap(hintsOf), ...(error.hint === undefined ? [] : [error.hint])];
}

function stackOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  const { name, message, stack = '' } = fault;
  // The message stands in front of its stack, where no line break of it may begin a line.
  const at = stack.indexOf(message);
  const places = message === '' || at < 0 ? `\n${stack}` : stack.slice(at + message.length);
  const own = `${name}: ${visible(message)}${places}`;
  return fault.cause === undefined ? own : `${own}\ncaused by: ${stackOf(fault.cause)}`;
}
