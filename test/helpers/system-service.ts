import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ServiceOptions {
  /** For messages and for the name of the folder. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The service's own folder, from `serviceFolder`; removed when it is stopped. */
  readonly folder: string;
  /** Asked again and again until it says yes; a rejection counts as no. */
  readonly isReady: () => Promise<boolean>;
  /** Milliseconds until it has to be ready. Default: one minute. */
  readonly readyWithin?: number;
}

/** A daemon that was started for tests. */
export interface Service {
  readonly folder: string;
  /** The process that started it: the daemon and its children run below. */
  readonly supervisor: number;
  /** Ends the daemon by SIGKILL, as a crash would, and waits for that. */
  kill(): Promise<void>;
  /** Starts it anew after `kill`, with the same arguments and the same data, and waits until it is ready. */
  start(): Promise<void>;
  /** What it has written so far. */
  log(): Promise<string>;
  /** Ends the daemon, unmounts and removes what it leaves behind. May be called twice. */
  stop(): Promise<void>;
}

const supervisor = fileURLToPath(new URL('system-supervisor.js', import.meta.url));

/** A new folder for a service; the path is short, since socket paths have at most 107 bytes. */
export async function serviceFolder(name: string): Promise<string> {
  return realpath(await mkdtemp(path.join(tmpdir(), `pf-${name}-`)));
}

/**
 * Starts a daemon under a supervisor (system-supervisor.ts), which ends it also when the tests crash or time out.
 * Rejects with the daemon's log when it ends early or does not get ready.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { folder, name } = options;
  const keeper = spawn(process.execPath, [supervisor, folder, options.command, ...options.args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Own process group: a Ctrl-C in the terminal must not reach it before its input ends.
    detached: true,
  });
  const gone = once(keeper, 'exit');
  const words = createInterface({ input: keeper.stdout });
  const ended = new AbortController();
  words.on('line', (word) => {
    if (word === 'ended') ended.abort();
  });
  const order = async (word: string, answer: string): Promise<void> => {
    keeper.stdin.write(`${word}\n`);
    for (;;) {
      const [said] = (await once(words, 'line', { signal: ended.signal })) as [string];
      if (said === answer) return;
    }
  };
  const log = async (): Promise<string> => readFile(path.join(folder, 'log'), 'utf8').catch(() => '');
  const stop = async (): Promise<void> => {
    keeper.stdin.destroy();
    await gone;
  };
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + (options.readyWithin ?? 60_000);
    while (!(await options.isReady().catch(() => false))) {
      if (ended.signal.aborted || Date.now() > deadline) {
        const said = await log();
        await stop();
        throw new Error(
          `${name} ${ended.signal.aborted ? 'ended early' : 'did not get ready'}:\n${tail(said)}`,
        );
      }
      await delay(50);
    }
  };
  await ready();
  return {
    folder,
    supervisor: keeper.pid ?? 0,
    log,
    stop,
    kill: () => order('kill', 'killed'),
    start: async () => {
      await order('start', 'started');
      await ready();
    },
  };
}

/** Uses a service and stops it in any case; when `use` fails, the end of the service's log goes to standard error. */
export async function usingService<S extends Service, T>(
  service: S,
  use: (service: S) => Promise<T>,
): Promise<T> {
  try {
    return await use(service);
  } catch (fault) {
    process.stderr.write(`the log of ${service.folder} ends with:\n${tail(await service.log())}\n`);
    throw fault;
  } finally {
    await service.stop();
  }
}

/** Calls `use` with a new temporary folder, which is removed afterwards. */
export async function withTempFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await serviceFolder('test');
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-40).join('\n');
}
