import { asPackferryError, statusOfErrors, type ExitStatus, type PackferryError } from '../core/errors.ts';
import type { Context } from './context.ts';
import { failureText } from './failure.ts';
import { printErrors } from './print-error.ts';
import { writeEnding } from './progress/json-lines.ts';
import { makeRenderer } from './progress/renderer.ts';
import type { Action, CommonOptions } from './session.ts';
import { jsonText } from '../core/json-text.ts';
import { visibleLines } from './text/visible.ts';

/** Runs a command: progress while it runs, then its result, then every error; returns the exit status. */
export async function runCommand<Options extends CommonOptions>(
  context: Context,
  action: Action<Options>,
  args: readonly string[],
  options: Options,
): Promise<ExitStatus> {
  const kind = options.quiet === true || options.progress === false ? 'none' : options.progress;
  const renderer = makeRenderer(context, kind, options.verbose);
  const end = (errors: readonly PackferryError[], summary?: string): ExitStatus => {
    const status = statusOfErrors(errors);
    if (kind === 'json') {
      writeEnding(context.stderr, status, errors, summary);
      return status;
    }
    if (summary !== undefined && options.quiet !== true) context.stderr.write(`${visibleLines(summary)}\n`);
    printErrors(context, errors, options.debug ?? false);
    return status;
  };
  try {
    const session = { context, emit: renderer.emit, signal: context.signal, pause: renderer.stop };
    const { report, text, raw, summary, errors = [] } = await action(session, args, options);
    renderer.stop();
    if (options.json === true) context.stdout.write(`${jsonText(report, 2)}\n`);
    else if (text !== '') context.stdout.write(`${raw === true ? text : visibleLines(text)}\n`);
    return end(errors, summary);
  } catch (fault) {
    renderer.stop();
    const error = context.signal.aborted ? asPackferryError(context.signal.reason) : asPackferryError(fault);
    if (options.json === true) context.stdout.write(failureText(error));
    return end([error]);
  }
}
