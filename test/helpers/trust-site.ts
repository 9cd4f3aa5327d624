import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../src/cli/context.ts';
import { generateSigningKey } from '../../src/flows/keygen.ts';
import type { TrustListReport } from '../../src/schema/reports-trust.ts';
import { withFolder } from './bundle-fixture.ts';
import { runCli, type Ran, type RunOptions } from './cli-run.ts';

/** A key pair on disk. */
export interface SiteKey {
  readonly file: string;
  readonly publicFile: string;
  /** `ssh-ed25519 AAAA... COMMENT` */
  readonly line: string;
  readonly fingerprint: string;
  /** As `packferry keygen` prints it. */
  readonly allowedLine: string;
}

/** A machine whose user has files of trust, and some keys. */
export interface TrustSite {
  readonly at: (...parts: readonly string[]) => string;
  /** The user's folder of files of trust. */
  readonly folder: string;
  readonly state: string;
  readonly env: Context['env'];
  /** `packferry trust ...` as this user. */
  readonly trust: (argv: readonly string[], options?: RunOptions) => Promise<Ran>;
  readonly newKey: (name: string) => Promise<SiteKey>;
  /** Trusts a key, in a folder: the user's by default. */
  readonly add: (key: SiteKey, principal: string, more?: readonly string[], folder?: string) => Promise<void>;
  /** Writes a policy.json. */
  readonly policy: (rules: Readonly<Record<string, unknown>>, folder?: string) => Promise<void>;
  /** Makes an update out of a folder and signs it with these keys, in this order. */
  readonly propose: (folder: string, name: string, keys: readonly SiteKey[]) => Promise<string>;
  readonly list: () => Promise<TrustListReport['places'][number]>;
  /** The names and contents of everything in the user's folder. */
  readonly snapshot: () => Promise<Readonly<Record<string, string>>>;
}

/** Runs with a site in a new temporary folder. */
export async function withTrustSite<T>(use: (site: TrustSite) => Promise<T>): Promise<T> {
  return withFolder(async (root) => {
    const at = (...parts: readonly string[]): string => path.join(root, ...parts);
    const [folder, state] = [at('config', 'packferry'), at('state')];
    const env = { XDG_CONFIG_HOME: at('config'), PACKFERRY_STATE: state };
    const trust = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
      runCli(['trust', ...argv], { env, ...options });
    const well = async (argv: readonly string[]): Promise<Ran> => {
      const ran = await trust(argv);
      if (ran.status !== 0) throw new Error(`trust ${argv.join(' ')}: ${ran.stderr}`);
      return ran;
    };
    return use({
      ...{ at, folder, state, env, trust },
      newKey: async (name) => {
        const file = at(name);
        const made = await generateSigningKey({
          ...{ file, principal: name, passphrase: undefined },
          type: 'ed25519',
        });
        return {
          file,
          publicFile: made.publicKey,
          line: (await readFile(made.publicKey, 'utf8')).trim(),
          fingerprint: made.fingerprint,
          allowedLine: made.allowedSigners,
        };
      },
      add: async (key, principal, more = [], where = folder) => {
        const named = ['--principal', principal, '--fingerprint', key.fingerprint, '--dir', where];
        await well(['add', key.publicFile, ...named, ...more]);
      },
      policy: async (rules, where = folder) => {
        await mkdir(where, { recursive: true });
        const text = JSON.stringify({ schema: 'packferry.policy/v1', ...rules });
        await writeFile(path.join(where, 'policy.json'), text);
      },
      propose: async (from, name, keys) => {
        const signing = keys.flatMap(({ file }) => ['--key', file]);
        await well(['propose', from, '-o', at(name), ...signing]);
        return at(name);
      },
      list: async () => {
        const { stdout } = await well(['list', '--user', '--json']);
        const [place] = (JSON.parse(stdout) as TrustListReport).places;
        if (place === undefined) throw new Error('no place is listed');
        return place;
      },
      snapshot: async () => {
        const names = (await readdir(folder)).sort();
        const texts = names.map(
          async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const,
        );
        return Object.fromEntries(await Promise.all(texts));
      },
    });
  });
}
