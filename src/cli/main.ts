import { setMaxListeners } from 'node:events';
import process from 'node:process';
import { CommanderError } from 'commander';
import { PackferryError, systemCodeOf, type ExitStatus } from '../core/errors.ts';
import { processContext, type Context } from './context.ts';
import { printErrors } from './print-error.ts';
import { makeProgram } from './program.ts';

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
    if (!(fault instanceof CommanderError)) throw fault;
    if (fault.exitCode === 0) return 0;
    const message = fault.message.replace(/^error: /, '').replace(/\n/g, ' ');
    printErrors(context, [new PackferryError('E_USAGE', message, { hint: 'See packferry --help.' })], false);
    return 2;
  }
}

/** The program: signals and closed pipes of this process, then `run`. */
export async function main(): Promise<void> {
  const stop = new AbortController();
  // Every request and stream of the run listens to it: their number is bounded by --jobs, not by Node's default of ten.
  setMaxListeners(0, stop.signal);
  const context = processContext(stop.signal);
  const onSignal = (name: 'SIGINT' | 'SIGTERM'): void => {
    const status = name === 'SIGINT' ? 130 : 143;
    if (stop.signal.aborted) process.exit(status);
    context.stderr.write(
      `\n${name === 'SIGINT' ? 'Interrupted' : 'Terminated'}: stopping. Once more to stop at once.\n`,
    );
    stop.abort(
      new PackferryError(name === 'SIGINT' ? 'E_INTERRUPTED' : 'E_TERMINATED', 'stopped before the end', {
        hint: 'Run the same command again: it goes on where this one stopped.',
      }),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (fault) => {
      // A reader that has seen enough (head, less) closes the pipe: no fault of anybody.
      if (systemCodeOf(fault) === 'EPIPE') process.exit(0);
      throw fault;
    });
  }
  process.exitCode = await run(process.argv.slice(2), context);
  // An aborted run may have left a socket that keeps the process alive; nothing of it matters any more.
  if (stop.signal.aborted) process.exit();
}
