import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import type { ExecutionContext } from 'ava';
import { readDocument } from '../../src/bundle/read-document.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { launcher } from './cli.ts';
import { runCli } from './cli-run.ts';
import { withSite, type Site } from './cli-site.ts';

/** `packferry serve` in a process of its own. */
export interface Serving {
  /** As it was printed on stdout. */
  readonly url: string;
  /** Host and port. */
  readonly host: string;
  readonly pid: number;
  /** What stderr holds so far. */
  readonly log: () => string;
  /** Resolves when stderr shows this. */
  readonly shows: (text: string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Serves while `use` runs, then stops it with SIGTERM; everything must end well. */
export async function withServing<T>(
  t: ExecutionContext,
  args: readonly string[],
  use: (serving: Serving) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const serving = await startServing(args, env);
  try {
    return await use(serving);
  } finally {
    serving.kill('SIGTERM');
    const { status, stderr } = await serving.ended;
    t.is(status, 0, stderr);
  }
}

async function startServing(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Serving> {
  const child = spawn(process.execPath, [launcher, 'serve', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  const waiting = new Set<() => void>();
  const told = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    told();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    told();
  });
  let isOver = false;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status) => {
      isOver = true;
      told();
      resolve({ status, stdout, stderr });
    });
  });
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isSo() && !isOver) return;
        waiting.delete(look);
        if (isSo()) resolve();
        else reject(new Error(`it ended before:\n${stderr}`));
      };
      waiting.add(look);
      look();
    });
  await until(() => stdout.includes('\n'));
  const url = stdout.trim();
  return {
    url,
    host: url.replace(/^https?:\/\//, ''),
    pid: child.pid ?? 0,
    log: () => stderr,
    shows: (text) => until(() => stderr.includes(text)),
    kill: (signal) => child.kill(signal),
    ended,
  };
}

/** A site with a bundle that is ready to be served. */
export interface ServingSite extends Site {
  /** `serve` of the bundle at a free port, without the name of the command. */
  readonly serving: readonly string[];
}

/** Runs with such a site. */
export async function withServingSite<T>(
  t: ExecutionContext,
  use: (site: ServingSite) => Promise<T>,
): Promise<T> {
  return withSite(async (site) => {
    const exported = await runCli(site.exporting);
    t.is(exported.status, 0, exported.stderr);
    const { bundle, trusted, state } = site;
    const trust = ['--trusted-keys', trusted, '--state', state];
    return use({ ...site, serving: [bundle, ...trust, '--listen', '127.0.0.1:0'] });
  });
}

/** Everything of an answer, also when it breaks off. */
export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The answer ended cleanly. */
  readonly isWhole: boolean;
}

/** GET with `headers`. */
export async function get(
  base: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Got> {
  const answer = await fetch(new URL(target, base), { headers });
  const chunks: Uint8Array[] = [];
  let isWhole = true;
  try {
    for await (const chunk of answer.body ?? []) chunks.push(chunk as Uint8Array);
  } catch {
    isWhole = false;
  }
  return { status: answer.status, headers: answer.headers, bytes: Buffer.concat(chunks), isWhole };
}

/** bundle.json. */
export async function documentOf(bundle: string): Promise<BundleDocument> {
  return readDocument(await readFile(path.join(bundle, 'bundle.json'))).document;
}
