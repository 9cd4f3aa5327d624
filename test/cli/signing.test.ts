import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { failureReport, verifyReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, type Site, writeKey } from '../helpers/cli-site.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { addToAgent, withAgent } from '../trust/ssh-agent.ts';

async function withBundle(t: ExecutionContext, use: (site: Site) => Promise<void>): Promise<void> {
  await withSite(async (site) => {
    const made = await runCli(site.exporting);
    t.is(made.status, 0, made.stderr);
    await use(site);
  });
}

async function isRevoked(t: ExecutionContext, argv: readonly string[], home?: string): Promise<void> {
  const ran = await runCli([...argv, '--json'], home === undefined ? {} : { home });
  t.is(ran.status, 4, ran.stderr);
  const { error } = failureReport.parse(JSON.parse(ran.stdout));
  t.is(error.code, 'E_SIGNER_UNTRUSTED');
  t.regex(error.message, /it is revoked \(.*:1\)/);
}

test('a bundle by a revoked key is refused by verify, inspect and import, and the target stays untouched', async (t) => {
  await withBundle(t, async ({ at, bundle, key, trusted, importing }) => {
    const revoked = at('stolen');
    await writeFile(revoked, await readFile(`${key}.pub`));
    const more = ['--revoked-keys', revoked];
    const target = at('target');
    await isRevoked(t, ['verify', bundle, '--trusted-keys', trusted, ...more]);
    await isRevoked(t, ['inspect', bundle, '--trusted-keys', trusted, ...more]);
    await isRevoked(t, [...importing, '--to', `oci:${target}`, ...more]);
    await t.throwsAsync(readFile(path.join(target, 'index.json')));
    await writeKey(at('other'), at('other_allowed'));
    const harmless = ['--revoked-keys', at('other.pub')];
    t.is((await runCli(['verify', bundle, '--trusted-keys', trusted, ...harmless])).status, 0);
  });
});

test('revoked_keys beside the trusted keys, and in the configuration folder of the user, need no option', async (t) => {
  await withBundle(t, async ({ at, bundle, key, trusted, importing }) => {
    const verifying = ['verify', bundle, '--trusted-keys', trusted];
    await writeFile(at('revoked_keys'), await readFile(`${key}.pub`));
    await isRevoked(t, verifying);
    await isRevoked(t, [...importing, '--to', `oci:${at('target')}`]);
    await rename(at('revoked_keys'), at('elsewhere'));
    const configuration = at('home', '.config', 'packferry');
    await mkdir(configuration, { recursive: true });
    await rename(at('elsewhere'), path.join(configuration, 'revoked_keys'));
    await isRevoked(t, verifying, at('home'));
    // Another list on the command line does not put it out of force.
    await writeFile(at('empty'), '');
    await isRevoked(t, [...verifying, '--revoked-keys', at('empty')], at('home'));
  });
});

test('a list of revoked keys that is missing, malformed or a KRL fails every signature', async (t) => {
  await withBundle(t, async ({ at, bundle, trusted }) => {
    await writeFile(at('bad'), 'no key\n');
    await writeFile(at('krl'), 'SSHKRL\n\0');
    for (const [file, code] of [
      ['absent', 'E_TRUST_UNREADABLE'],
      ['bad', 'E_TRUST_INVALID'],
      ['krl', 'E_TRUST_INVALID'],
    ] as const) {
      const argv = ['verify', bundle, '--trusted-keys', trusted, '--revoked-keys', at(file), '--json'];
      const ran = await runCli(argv);
      t.is(ran.status, 2, ran.stderr);
      t.is(failureReport.parse(JSON.parse(ran.stdout)).error.code, code);
    }
  });
});

test('a certified key in an ssh-agent signs a bundle, and a site that trusts the authority accepts it', (t) =>
  withSshKeygen(t, async () => {
    await withAgent(t, ({ socket, folder }) =>
      withSite(async ({ at, manifest, bundle }) => {
        const make = (...args: readonly string[]): unknown => sshKeygen(['-q', ...args], { cwd: folder });
        make('-t', 'ed25519', '-N', '', '-C', 'authority', '-f', 'ca');
        make('-t', 'rsa', '-b', '2048', '-N', '', '-C', 'me', '-f', 'key');
        make('-s', 'ca', '-I', 'the builder', '-n', 'soc-builder', '-V', '20260101:20270101', 'key.pub');
        t.true(addToAgent(socket, path.join(folder, 'key')));
        await rename(path.join(folder, 'key'), path.join(folder, 'gone'));
        const env = { SSH_AUTH_SOCK: socket };
        const exporting = ['export', manifest, '-o', bundle, '--key', path.join(folder, 'key-cert.pub')];
        const made = await runCli(exporting, { env });
        t.is(made.status, 0, made.stderr);
        const again = await runCli(exporting, { env });
        t.true(again.stderr.includes('already holds this bundle'), again.stderr);

        const authority = await readFile(path.join(folder, 'ca.pub'), 'utf8');
        await writeFile(at('authorities'), `soc-* cert-authority,namespaces="bundle@packferry" ${authority}`);
        const verified = await runCli(['verify', bundle, '--trusted-keys', at('authorities'), '--json']);
        t.is(verified.status, 0, verified.stderr);
        const { signers } = verifyReport.parse(JSON.parse(verified.stdout));
        t.deepEqual(
          signers.map(({ principal, keyType }) => [principal, keyType]),
          [['soc-builder', 'ssh-rsa']],
        );
      }),
    );
  }));
