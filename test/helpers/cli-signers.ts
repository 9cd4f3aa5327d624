import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { generateSigningKey } from '../../src/flows/keygen.ts';
import { failureReport } from '../../src/schema/reports.ts';
import { runCli, type RunOptions } from './cli-run.ts';
import { withSite, type Site } from './cli-site.ts';

/** A site where alice and bob sign bundles, and whose policy asks for both. */
export interface SignersSite extends Site {
  readonly alice: string;
  readonly bob: string;
  /** Trusts both. */
  readonly both: string;
  readonly policy: string;
  /** Makes the key of one more signer, and returns the line that trusts it. */
  readonly writeSigner: (name: string, principal: string, passphrase?: string) => Promise<string>;
  readonly exportBy: (...keys: readonly string[]) => readonly string[];
  /** `verify` of the bundle by the policy. */
  readonly verifying: readonly string[];
}

/** Runs with such a site. */
export async function withSigners<T>(use: (site: SignersSite) => Promise<T>): Promise<T> {
  return withSite(async (site) => {
    const { at, bundle, manifest } = site;
    const writeSigner = async (name: string, principal: string, passphrase?: string): Promise<string> => {
      const made = await generateSigningKey({ file: at(name), type: 'ed25519', principal, passphrase });
      return `${made.allowedSigners}\n`;
    };
    const [both, policy] = [at('both'), at('two.json')];
    await writeFile(both, (await writeSigner('alice', 'alice')) + (await writeSigner('bob', 'bob')));
    await writeFile(policy, '{"schema": "packferry.policy/v1", "threshold": 2}');
    return use({
      ...site,
      alice: at('alice'),
      bob: at('bob'),
      both,
      policy,
      writeSigner,
      exportBy: (...keys) => ['export', manifest, '-o', bundle, ...keys.flatMap((key) => ['--key', key])],
      verifying: ['verify', bundle, '--trusted-keys', both, '--policy', policy],
    });
  });
}

/** Runs a command line that must fail with a code; returns the message and the hint. */
export async function refused(
  t: ExecutionContext,
  argv: readonly string[],
  code: ErrorCode,
  status: number,
  options: RunOptions = {},
): Promise<string> {
  const ran = await runCli([...argv, '--json'], options);
  t.is(ran.status, status, ran.stderr);
  const { error } = failureReport.parse(JSON.parse(ran.stdout));
  t.is(error.code, code, error.message);
  return `${error.message}\n${error.hint ?? ''}`;
}

/** Names and hashes of everything in a folder. */
export async function contentOf(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).sort();
  const hashes = names.map(async (name) =>
    createHash('sha256')
      .update(await readFile(path.join(dir, name)))
      .digest('hex'),
  );
  return Object.fromEntries((await Promise.all(hashes)).map((hash, index) => [names[index] ?? '', hash]));
}

/** Lays a file into the configuration folder of a user, safe from others whatever the umask; returns its path. */
export async function writeConfiguration(
  home: string,
  name: string,
  content: string | Uint8Array,
): Promise<string> {
  const folder = path.join(home, '.config', 'packferry');
  await mkdir(folder, { recursive: true });
  for (const one of [home, path.dirname(folder), folder]) await chmod(one, 0o755);
  const file = path.join(folder, name);
  await writeFile(file, content);
  await chmod(file, 0o644);
  return file;
}
