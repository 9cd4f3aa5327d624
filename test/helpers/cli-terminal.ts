import { spawn } from 'node:child_process';
import process from 'node:process';
import type { ExecutionContext } from 'ava';
import { launcher } from './cli.ts';
import { execTool } from './system-exec.ts';

export interface Typed {
  readonly status: number;
  readonly screen: string;
}

export interface TerminalOptions {
  readonly size?: { readonly columns: number; readonly rows: number };
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs packferry in a real terminal, which util-linux's `script` makes, and types an answer when it asks. */
export async function inTerminal(
  argv: readonly string[],
  question: string,
  answer: string,
  { size = { columns: 80, rows: 24 }, env: more = {} }: TerminalOptions = {},
): Promise<Typed> {
  const words = [process.execPath, launcher, ...argv].map((word) => `'${word}'`).join(' ');
  const quoted = `stty columns ${size.columns} rows ${size.rows}; exec ${words}`;
  const env = { ...process.env, TERM: 'xterm', CI: '', LC_ALL: 'C.UTF-8', ...more };
  const child = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], { env });
  let screen = '';
  let asked = false;
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    if (asked || !screen.includes(question)) return;
    asked = true;
    child.stdin.write(answer);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status: status ?? 128, screen };
}

/** Is there what makes a terminal? Says so when there is not. */
export async function hasTerminal(t: ExecutionContext): Promise<boolean> {
  const tool = await execTool('script', ['--version']).catch(() => undefined);
  if (tool?.stdout.includes('util-linux') === true) return true;
  const line = `left out: ${t.title} (no script of util-linux)`;
  t.log(line);
  process.stderr.write(`${line}\n`);
  t.pass();
  return false;
}
