import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

export interface ExecOptions {
  /** Written to standard input, which is empty otherwise. */
  readonly input?: Buffer | string;
  /** The whole environment; that of the tests when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The user, by number, where the tests run as root. */
  readonly uid?: number;
  /** Milliseconds after which the tool is killed. Default: two minutes. */
  readonly timeout?: number;
}

export interface ExecResult {
  /** Exit status; 128 when a signal ended the tool. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end, never through a shell. Rejects only when it cannot be started. */
export async function execTool(
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await execOnce(command, args, options);
    } catch (fault) {
      // See writeExecutable: for a program that the product has written.
      if (!(fault instanceof Error && 'code' in fault && fault.code === 'ETXTBSY') || tries === 100)
        throw fault;
      await delay(50);
    }
  }
}

function execOnce(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      timeout: options.timeout ?? 120_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', reject);
    child.once('close', (status) => {
      resolve({
        status: status ?? 128,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    });
    // A tool may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
  });
}

/** Runs a tool that must succeed; otherwise throws with all that it said. Returns its standard output. */
export async function execOk(
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await execTool(command, args, options);
  if (status !== 0) {
    throw new Error(`${[command, ...args].join(' ')}: exit status ${status}\n${stdout}${stderr}`);
  }
  return stdout;
}

/**
 * Writes a program. By another process: test files are threads of one, and while one of them starts a program, its child
 * holds what others have open for writing. What somebody has open so cannot be run ("text file busy").
 */
export async function writeExecutable(file: string, content: string): Promise<void> {
  await execOk('sh', ['-c', 'cat > "$1" && chmod 755 "$1"', 'sh', file], { input: content });
}
