import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { runCli, type Ran, type RunOptions } from './cli-run.ts';
import { withSite, type Site } from './cli-site.ts';
import { stateOf } from './folder-state.ts';

/** The clock of the builder, and, unless a test turns it, of the site. */
export const builtAt = new Date('2026-11-23T05:00:00Z');

/** A time so many days after the bundles were made. */
export function days(count: number): Date {
  return new Date(builtAt.getTime() + count * 86_400_000);
}

/** A site that imports bundles of a stream into an OCI layout folder, and remembers them. */
export interface StreamSite extends Site {
  /** Exports a bundle with this number into a folder of its own, and returns it. */
  readonly made: (sequence: number, folder?: string, manifest?: string, now?: Date) => Promise<string>;
  /** Into `target`, unless `more` says otherwise. */
  readonly imported: (bundle: string, more?: readonly string[], options?: RunOptions) => Promise<Ran>;
  readonly verified: (bundle: string, more?: readonly string[], options?: RunOptions) => Promise<Ran>;
  readonly history: (more?: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** Imports a bundle that must be taken. */
  readonly accepted: (bundle: string, more?: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** Import and verify refuse it with this code and these words, nothing is touched and nothing is remembered. */
  readonly refused: (bundle: string, expected: Refusal) => Promise<void>;
  readonly writePolicy: (rules: object) => Promise<void>;
  readonly target: string;
  readonly historyFile: string;
}

export interface Refusal {
  readonly code: string;
  readonly names: readonly (string | RegExp)[];
  readonly more?: readonly string[];
  readonly options?: RunOptions;
}

/** Runs with such a site in a new temporary folder. */
export async function withStream(
  t: ExecutionContext,
  use: (site: StreamSite) => Promise<void>,
): Promise<void> {
  await withSite(async (site) => {
    const { at, key, trusted, state } = site;
    const [target, home] = [at('target'), at('home')];
    const to = ['--to', `oci:${target}`];
    const trust = ['--trusted-keys', trusted, '--state', state];
    const run = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
      runCli(argv, { home, now: builtAt, ...options });
    const ok = (ran: Ran): Ran => {
      t.is(ran.status, 0, ran.stderr);
      return ran;
    };
    const imported: StreamSite['imported'] = (bundle, more = [], options = {}) =>
      run(['import', bundle, ...trust, ...(more.includes('--to') ? [] : to), ...more], options);
    const verified: StreamSite['verified'] = (bundle, more = [], options = {}) =>
      run(['verify', bundle, ...trust, ...more], options);
    const untouched = async (): Promise<unknown> => ({
      target: existsSync(target) ? await stateOf(target) : 'absent',
      // Every run leaves a receipt.
      state: existsSync(state) ? withoutReceipts(await stateOf(state)) : {},
    });
    await use({
      ...site,
      target,
      imported,
      verified,
      historyFile: path.join(state, 'history.jsonl'),
      made: async (sequence, folder = `soc-${sequence}`, manifest = site.manifest, now = builtAt) => {
        const numbered = ['--sequence', String(sequence), '--key', key];
        ok(await run(['export', manifest, '-o', at(folder), ...numbered], { now }));
        return at(folder);
      },
      history: (more = [], options = {}) => run(['history', '--state', state, ...more], options),
      accepted: async (...how) => ok(await imported(...how)),
      refused: async (bundle, { code, names, more = [], options = {} }) => {
        const before = await untouched();
        for (const how of [imported, verified]) {
          const { status, stderr } = await how(bundle, more, options);
          t.is(status, 4, stderr);
          t.true(stderr.includes(`error[${code}]: `), stderr);
          // What a builder signed although it is no bundle: there is nothing that the site could do.
          t.is(stderr.includes('\nhint: '), code !== 'E_BUNDLE_MALFORMED', stderr);
          for (const name of names) {
            const isNamed = typeof name === 'string' ? stderr.includes(name) : name.test(stderr);
            t.true(isNamed, `${String(name)} is not named in:\n${stderr}`);
          }
        }
        const json = await imported(bundle, [...more, '--json'], options);
        t.is(failureReport.parse(JSON.parse(json.stdout)).error.code, code);
        t.deepEqual(await untouched(), before, 'target and history are as before');
      },
      writePolicy: async (rules) => {
        const folder = path.join(home, '.config', 'packferry');
        await mkdir(folder, { recursive: true });
        const policy = { schema: 'packferry.policy/v1', ...rules };
        await writeFile(path.join(folder, 'policy.json'), JSON.stringify(policy));
      },
    });
  });
}

function withoutReceipts(state: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith('receipts')));
}

/** The records of a history, as they stand there. */
export async function recordsOf(file: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
