import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { launcher } from './cli.ts';
import { execTool, type ExecResult } from './system-exec.ts';

export interface Measured extends ExecResult {
  /** The most memory that the process had, in bytes. */
  readonly peak: number;
}

/**
 * Loaded before the program: writes down the peak when it ends. From Linux itself, since what Node tells is not less than
 * what the process that started this one had.
 */
const note = `
  import fs from 'node:fs';
  process.on('exit', () => {
    const status = fs.readFileSync('/proc/self/status', 'utf8');
    fs.writeFileSync(process.env.PEAK_FILE, /VmHWM:\\s+(\\d+)/.exec(status)[1]);
  });
`;

/** Runs packferry as a process of its own and measures its memory; files of the measurement go to `folder`. */
export async function measuredRun(
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const file = path.join(folder, 'peak');
  const hook = `--import=data:text/javascript,${encodeURIComponent(note)}`;
  const options = { env: { ...process.env, ...env, PEAK_FILE: file } };
  const ran = await execTool(process.execPath, [hook, launcher, ...args], options);
  return { ...ran, peak: 1024 * Number(await readFile(file, 'utf8')) };
}
