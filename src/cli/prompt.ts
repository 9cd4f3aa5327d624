import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { noteSecret } from '../core/redact.ts';
import type { Context } from './context.ts';
import { visible } from './text/visible.ts';

/** Can somebody answer a question? */
export function isInteractive({ stdin, stderr }: Pick<Context, 'stdin' | 'stderr'>): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on the terminal; anything but y or yes means no. */
export async function confirm(context: Context, question: string): Promise<boolean> {
  const answer = await ask(context, `${question} [y/N] `, true);
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks for a line of text. */
export async function askLine(context: Context, question: string): Promise<string> {
  return ask(context, question, true);
}

/** Asks for a secret; what is typed is not shown. */
export async function askSecret(context: Context, question: string): Promise<string> {
  const secret = await ask(context, question, false);
  noteSecret(secret);
  return secret;
}

async function ask({ stdin, stderr, signal }: Context, question: string, echo: boolean): Promise<string> {
  signal.throwIfAborted();
  // With `terminal` readline itself echoes what is typed, to this output: into nothing for a secret.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: echo ? stderr : nowhere, terminal: true });
  // Only now: before, the terminal itself would show what is typed at once.
  stderr.write(visible(question));
  let onAbort = (): void => undefined;
  let answer: string | undefined;
  try {
    answer = await new Promise<string | undefined>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
      lines.once('SIGINT', () => reject(new PackferryError('E_INTERRUPTED', 'stopped at the question')));
      onAbort = () => reject(asPackferryError(signal.reason));
      signal.addEventListener('abort', onAbort, { once: true });
    });
    return answer ?? '';
  } finally {
    signal.removeEventListener('abort', onAbort);
    lines.close();
    // What comes next begins on a line of its own, also after Ctrl-C and Ctrl-D.
    if (!echo || answer === undefined) stderr.write('\n');
  }
}
