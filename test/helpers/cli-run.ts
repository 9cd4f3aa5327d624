import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { noHome, type Context, type Input, type Output } from '../../src/cli/context.ts';
import { thisProcess } from '../../src/cli/this-process.ts';
import { run } from '../../src/cli/main.ts';
import { testMachine } from './test-machine.ts';

/** Keeps what is written to it. */
export class MemoryOutput extends Writable implements Output {
  readonly isTTY: boolean;
  readonly columns: number = 80;
  readonly rows: number = 24;
  #text = '';

  constructor(isTTY = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#text += chunk.toString();
    done();
    this.emit('written');
  }

  get text(): string {
    return this.#text;
  }

  /** Resolves when `text` has been written, so many times. */
  async shows(text: string, times = 1): Promise<void> {
    while (this.#text.split(text).length <= times) {
      await new Promise((resolve) => this.once('written', resolve));
    }
  }
}

/** A keyboard, when `isTTY`. */
export class MemoryInput extends PassThrough implements Input {
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(): this {
    return this;
  }
}

export interface RunOptions {
  readonly env?: Context['env'];
  readonly home?: string;
  /** Default: no user with a state of the machine. */
  readonly uid?: number;
  /** Default: a state folder of its own for every run, unless the environment names one. */
  readonly state?: 'as the user has it';
  readonly importerFile?: string;
  readonly now?: Date;
  readonly signal?: AbortSignal;
  readonly stdin?: MemoryInput;
  readonly stdout?: MemoryOutput;
  readonly stderr?: MemoryOutput;
}

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never aborts; as many may listen as to the one of the real program. */
function patientSignal(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

/** Runs one command line in this process, away from its streams, environment and home. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const stdout = options.stdout ?? new MemoryOutput();
  const stderr = options.stderr ?? new MemoryOutput();
  const state = path.join(tmpdir(), `packferry-test-state-${randomUUID()}`);
  const context: Context = {
    stdin: options.stdin ?? new MemoryInput(),
    stdout,
    stderr,
    env: { ...(options.state === undefined ? { PACKFERRY_STATE: state } : {}), ...options.env },
    home: options.home ?? noHome,
    uid: options.uid ?? 54321,
    tool: { name: 'packferry', version: '0.0.0-test' },
    importerFile: options.importerFile ?? '/nonexistent/packferry-linux-x64',
    machine: testMachine,
    owner: thisProcess,
    now: options.now ?? new Date('2026-11-23T05:00:00Z'),
    signal: options.signal ?? patientSignal(),
  };
  // As the program does for its own.
  setMaxListeners(0, context.signal);
  const status = await run(argv, context).finally(() =>
    rm(state, { recursive: true, force: true, maxRetries: 10 }),
  );
  return { status, stdout: stdout.text, stderr: stderr.text };
}
