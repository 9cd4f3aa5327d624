import type { Help } from 'commander';

/** Columns that a description has to have beside its term. */
const fewest = 36;
const indent = '  ';

/**
 * An option, an argument or a command with its description, as commander lays them out; on narrow terminals the description stands
 * below the term, for it would be a column of single words beside it, or wrapped by the terminal in the middle of them.
 */
export function helpItem(
  this: Help,
  term: string,
  termWidth: number,
  description: string,
  helper: Help,
): string {
  if (description === '') return indent + term;
  const width = helper.helpWidth ?? 80;
  const beside = width - termWidth - 2 * indent.length;
  const isBeside = beside >= fewest;
  const lead = isBeside ? indent + ' '.repeat(termWidth) + indent : indent.repeat(3);
  const room = isBeside ? beside : width - lead.length;
  const lines = helper.boxWrap(description, room).split('\n');
  const first = isBeside ? indent + term.padEnd(termWidth) + indent : `${indent}${term}\n${lead}`;
  return first + lines.join(`\n${lead}`);
}
