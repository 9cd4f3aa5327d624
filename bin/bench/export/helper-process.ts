import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

export interface HelperProcess {
  /** What it printed first: one line. */
  readonly line: string;
  readonly stop: () => Promise<void>;
}

/** Starts a script of this folder as a process of its own, so that its work disturbs nobody's clock. */
export async function startHelper(
  script: string,
  args: readonly (string | number)[],
): Promise<HelperProcess> {
  const file = path.join(import.meta.dirname, script);
  const child = spawn(process.execPath, [file, ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    ended.then(() => Promise.reject(new Error(`${script} ended early`))),
  ])) as [string];
  const stop = async (): Promise<void> => {
    child.stdin.destroy();
    await ended;
  };
  return { line, stop };
}
