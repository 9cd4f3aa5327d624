import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, writeKey } from '../helpers/cli-site.ts';

test('an update of the trusted files that was cut off counts for verify before it is in place, and counts whole', async (t) => {
  await withSite(async ({ exporting, bundle, trusted, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const folder = at('config', 'packferry');
    const pending = path.join(folder, 'trust-update.pending');
    await mkdir(pending, { recursive: true });
    await writeKey(at('other'), path.join(folder, 'allowed_signers'));
    const env = { XDG_CONFIG_HOME: at('config') };
    const verify = ['verify', bundle, '--state', at('state')];

    await copyFile(trusted, path.join(pending, 'allowed_signers'));
    await writeFile(path.join(pending, 'policy.json'), '{"schema": "packferry.policy/v1", "version": 2}');
    await writeFile(path.join(folder, 'policy.json'), '{"schema": "packferry.policy/v1", "threshold": 2}');
    const after = await runCli(verify, { env });
    t.is(after.status, 0, after.stderr);

    await rm(pending, { recursive: true });
    const before = await runCli(verify, { env });
    t.is(before.status, 4);
    t.true(before.stderr.includes('E_SIGNER_UNTRUSTED'), before.stderr);
  });
});

test('a key that was added is trusted by verify without a word more, and one that was revoked is not', async (t) => {
  await withSite(async ({ exporting, bundle, key, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const env = { XDG_CONFIG_HOME: at('config') };
    const verify = ['verify', bundle, '--state', at('state')];
    t.is((await runCli(verify, { env })).status, 2, 'nobody is trusted yet');
    const given = await runCli(['trust', 'add', `${key}.pub`, '--principal', 'builder'], { env });
    t.is(given.status, 2, 'not without its fingerprint');
    const { stdout } = await runCli(['inspect', bundle, '--trusted-keys', at('allowed_signers'), '--json']);
    const [, fingerprint = ''] = /"fingerprint": "(SHA256:[^"]+)"/.exec(stdout) ?? [];
    const adding = ['trust', 'add', `${key}.pub`, '--principal', 'builder', '--fingerprint', fingerprint];
    t.is((await runCli(adding, { env })).status, 0);
    t.is((await runCli(verify, { env })).status, 0);
    t.is((await runCli(['trust', 'revoke', 'builder', '--reason', 'stolen'], { env })).status, 0);
    const refused = await runCli(verify, { env });
    t.is(refused.status, 4);
    t.true(refused.stderr.includes('it is revoked'), refused.stderr);
  });
});

test('what is named in place of the trusted keys, the policy and the name of the site is told, once each', async (t) => {
  await withSite(async ({ exporting, bundle, trusted, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const folder = at('config', 'packferry');
    await mkdir(folder, { recursive: true });
    const rules = '{"schema": "packferry.policy/v1"}';
    await writeKey(at('other'), path.join(folder, 'allowed_signers'));
    await writeFile(path.join(folder, 'policy.json'), rules);
    await writeFile(path.join(folder, 'site'), 'site-a\n');
    await writeFile(at('lax.json'), rules);
    const env = { XDG_CONFIG_HOME: at('config') };
    const naming = ['verify', bundle, '--state', at('state'), '--trusted-keys', trusted];
    const others = await runCli([...naming, '--policy', at('lax.json'), '--site', 'site-b'], { env });
    t.is(others.status, 0, others.stderr);
    const told = (stderr: string): string[] => stderr.match(/warning: .*(?:counts|not as) .*/g) ?? [];
    t.deepEqual(told(others.stderr), [
      `warning: the file of trusted keys ${trusted} counts here, not ${folder}/allowed_signers`,
      `warning: the policy ${at('lax.json')} counts here, not ${folder}/policy.json`,
      `warning: this site counts as site-b here, not as site-a, which ${folder}/site says`,
    ]);
    await copyFile(trusted, path.join(folder, 'allowed_signers'));
    const same = [
      '--trusted-keys',
      `${folder}/allowed_signers`,
      '--policy',
      `${folder}/../packferry/policy.json`,
    ];
    const usual = await runCli([...naming.slice(0, 4), ...same, '--site', 'site-a'], { env });
    t.is(usual.status, 0, usual.stderr);
    t.deepEqual(told(usual.stderr), []);
  });
});
