import { PackferryError } from '../core/errors.ts';

/**
 * SSH carries one text for the shell of the far user, and no list of arguments. This is the only place where such a text
 * is made: every argument stands in single quotes, in which POSIX shells give no character a meaning but the quote itself
 * (POSIX.1-2017, XCU 2.2.2). Throws `E_USAGE` for a NUL or a line break, which no argument of ours needs, and for no
 * arguments.
 */
export function shellCommand(argv: readonly string[]): string {
  if (argv.length === 0) throw unfit('a command is empty');
  return argv.map(shellQuote).join(' ');
}

function shellQuote(argument: string): string {
  // csh ends a line inside quotes, too.
  if (/[\0\r\n]/.test(argument)) throw unfit(`${JSON.stringify(argument)} cannot be an argument over SSH`);
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

function unfit(message: string): PackferryError {
  return new PackferryError('E_USAGE', message, { hint: 'Use names without line breaks.' });
}
