import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

export interface HelperProcess {
  /** What it printed first: one line. */
  readonly line: string;
  /** Sends it a line, and resolves with the line that it answers. */
  readonly ask: (word: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts a script, named from this folder, as a process of its own, so that its work disturbs nobody's clock. */
export async function startHelper(
  script: string,
  args: readonly (string | number)[],
): Promise<HelperProcess> {
  const file = path.join(import.meta.dirname, script);
  const child = spawn(process.execPath, [file, ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const early = ended.then(() => Promise.reject(new Error(`${script} ended early`)));
  // After the last question nobody asks whether it has ended.
  early.catch(() => undefined);
  const next = async (): Promise<string> => {
    const [line] = (await Promise.race([once(lines, 'line'), early])) as [string];
    return line;
  };
  const line = await next();
  const ask = (word: string): Promise<string> => {
    child.stdin.write(`${word}\n`);
    return next();
  };
  const stop = async (): Promise<void> => {
    child.stdin.destroy();
    await ended;
  };
  return { line, ask, stop };
}
