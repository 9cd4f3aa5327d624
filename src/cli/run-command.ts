import { asPackferryError, statusOfErrors, type ExitStatus } from '../core/errors.ts';
import type { Context } from './context.ts';
import { failureText } from './failure.ts';
import { printErrors } from './print-error.ts';
import { makeRenderer } from './progress/renderer.ts';
import type { Action, CommonOptions } from './session.ts';

/** Runs a command: progress while it runs, then its result, then every error; returns the exit status. */
export async function runCommand<Options extends CommonOptions>(
  context: Context,
  action: Action<Options>,
  args: readonly string[],
  options: Options,
): Promise<ExitStatus> {
  const kind = options.quiet === true || options.progress === false ? 'none' : options.progress;
  const renderer = makeRenderer(context, kind);
  const debug = options.debug ?? false;
  try {
    const session = { context, emit: renderer.emit, signal: context.signal, pause: renderer.stop };
    const { report, text, summary, errors = [] } = await action(session, args, options);
    renderer.stop();
    if (options.json === true) context.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else if (text !== '') context.stdout.write(`${text}\n`);
    if (summary !== undefined && options.quiet !== true) context.stderr.write(`${summary}\n`);
    printErrors(context, errors, debug);
    return statusOfErrors(errors);
  } catch (fault) {
    renderer.stop();
    const error = context.signal.aborted ? asPackferryError(context.signal.reason) : asPackferryError(fault);
    if (options.json === true) context.stdout.write(failureText(error));
    printErrors(context, [error], debug);
    return statusOfErrors([error]);
  }
}
