import { setMaxListeners } from 'node:events';
import process from 'node:process';
import { CommanderError, type Command } from 'commander';
import {
  asPackferryError,
  messageOf,
  PackferryError,
  statusOfErrors,
  systemCodeOf,
  type ExitStatus,
} from '../core/errors.ts';
import { processContext, type Context, type Identity } from './context.ts';
import { printErrors } from './print-error.ts';
import { makeProgram } from './program.ts';
import { rerunHint } from './rerun-hint.ts';
import { keepYoungSpaceSmall } from './young-space.ts';

/** Runs one command line; returns the exit status and prints everything there is to say. */
export async function run(argv: readonly string[], context: Context): Promise<ExitStatus> {
  let status: ExitStatus = 0;
  const program = makeProgram(context, (ended) => {
    status = ended;
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (fault) {
    if (fault instanceof CommanderError && fault.exitCode === 0) return 0;
    const error =
      fault instanceof CommanderError
        ? usageError(fault, argv, namedCommand(program, argv))
        : asPackferryError(fault);
    if (argv.includes('--json')) {
      const { failureText } = await import('./failure.ts');
      context.stdout.write(failureText(error));
    }
    printErrors(context, [error], argv.includes('--debug'));
    return statusOfErrors([error]);
  }
}

/** The words at the beginning that name a command, or one of its commands. */
function namedCommand(parent: Command, [word, ...rest]: readonly string[]): string[] {
  const found = parent.commands.find((command) => command.name() === word);
  return found === undefined ? [] : [found.name(), ...namedCommand(found, rest)];
}

/** What commander found wrong with a command line, in our form: its guess becomes part of the hint. */
function usageError(
  fault: CommanderError,
  argv: readonly string[],
  named: readonly string[],
): PackferryError {
  const [command = '', about = ''] = argv;
  const see = `See ${['packferry', ...named].join(' ')} --help.`;
  if (fault.message.includes('PRIVATE KEY')) {
    // Commander takes it for an option and quotes it, for it begins with dashes.
    return new PackferryError('E_USAGE', 'a private key stands on the command line', {
      hint: 'It is in the history of the shell now, and secret no more: replace it. Name the file of the public key instead.',
    });
  }
  if (fault.code === 'commander.help' && command !== 'help') {
    return new PackferryError('E_USAGE', `${command}: say which of its commands`, {
      hint: see,
      cause: fault,
    });
  }
  if (fault.code === 'commander.help') {
    return new PackferryError('E_USAGE', `unknown command '${about}'`, { hint: see, cause: fault });
  }
  const [, message = fault.message, guess] =
    /^(?:error: )?(.*?)(?:\n?\s*\((Did you mean .*\?)\))?$/s.exec(fault.message) ?? [];
  const hint = guess === undefined ? see : `${guess} ${see}`;
  return new PackferryError('E_USAGE', message.replace(/\s+/g, ' '), { hint, cause: fault });
}

/** The program: signals and closed pipes of this process, then `run`. */
export async function main(identity?: Identity): Promise<void> {
  keepYoungSpaceSmall();
  const stop = new AbortController();
  // Every request and stream of the run listens to it: their number is bounded by --jobs, not by Node's default of ten.
  setMaxListeners(0, stop.signal);
  const context = processContext(stop.signal, identity);
  const onSignal = (name: 'SIGINT' | 'SIGTERM'): void => {
    const status = name === 'SIGINT' ? 130 : 143;
    if (stop.signal.aborted) process.exit(status);
    // First, so that bars are gone when the message comes.
    stop.abort(
      new PackferryError(name === 'SIGINT' ? 'E_INTERRUPTED' : 'E_TERMINATED', 'stopped before the end', {
        hint: rerunHint(process.argv[2]),
      }),
    );
    context.stderr.write(
      `${name === 'SIGINT' ? 'Interrupted' : 'Terminated'}: stopping. Once more to stop at once.\n`,
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
    stream.on('error', (fault) => {
      // A reader that has seen enough (head, less) closes the pipe: no fault of anybody, and no reason to stop working.
      if (isClosed(fault)) return;
      const error = new PackferryError('E_IO', `${name} cannot be written: ${messageOf(fault)}`);
      if (name === 'stdout') printErrors(context, [error], false);
      process.exit(statusOfErrors([error]));
    });
  }
  process.exitCode = await run(process.argv.slice(2), context);
  // An aborted run may have left a socket that keeps the process alive; nothing of it matters any more.
  if (stop.signal.aborted) process.exit();
}

function isClosed(fault: unknown): boolean {
  return ['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'].includes(systemCodeOf(fault) ?? '');
}
