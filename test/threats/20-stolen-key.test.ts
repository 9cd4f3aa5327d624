import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { withFakeDocker } from '../engine/fake-docker.ts';
import { runCli } from '../helpers/cli-run.ts';
import { refused, withSigners, writeConfiguration, type SignersSite } from '../helpers/cli-signers.ts';

/** Whoever stole the key of alice makes a bundle; here is what importing it does. */
interface Theft extends SignersSite {
  /** The import is refused with this code, by verify too, and nothing was asked of an engine or written to a folder. */
  readonly isRejected: (
    code: 'E_THRESHOLD' | 'E_SIGNER_UNTRUSTED',
    reason: RegExp,
    ...more: readonly string[]
  ) => Promise<void>;
}

function withTheft(t: ExecutionContext, use: (theft: Theft) => Promise<void>): Promise<void> {
  return withSigners((site) =>
    withFakeDocker({}, async ({ socket, requests }) => {
      const made = await runCli(site.exportBy(site.alice));
      t.is(made.status, 0, made.stderr);
      const { bundle, both, at } = site;
      const isRejected: Theft['isRejected'] = async (code, reason, ...more) => {
        const trusting = ['--trusted-keys', both, ...more];
        t.regex(await refused(t, ['verify', bundle, ...trusting], code, 4), reason);
        for (const target of [`docker:unix://${socket}`, `oci:${at('target')}`]) {
          const words = await refused(t, ['import', bundle, ...trusting, '--to', target, '--yes'], code, 4);
          t.regex(words, reason);
        }
        t.deepEqual(requests, [], 'the engine was not called');
        t.false((await readdir(at())).includes('target'), 'the folder was not made');
      };
      await use({ ...site, isRejected });
    }),
  );
}

test('threat 20: a bundle by a revoked key is rejected, although the key is inside its time', (t) =>
  withTheft(t, async ({ alice, both, at, isRejected }) => {
    const inTime = 'alice valid-after="20260101Z",valid-before="20271231Z",namespaces';
    await writeFile(both, (await readFile(both, 'utf8')).replace('alice namespaces', inTime));
    t.is((await runCli(['verify', at('bundle'), '--trusted-keys', both])).status, 0);
    await rename(`${alice}.pub`, at('revoked_keys'));
    await isRejected('E_SIGNER_UNTRUSTED', /it is revoked \(.*revoked_keys:1\)/);
  }));

test('threat 20: the revoked key of one does not count beside the good one of another', (t) =>
  withTheft(t, async ({ alice, bob, both, bundle, policy, at, isRejected }) => {
    const signed = await runCli(['sign', bundle, '--key', bob, '--trusted-keys', both, '--yes']);
    t.is(signed.status, 0, signed.stderr);
    const byTwo = ['--policy', policy];
    t.is((await runCli(['verify', bundle, '--trusted-keys', both, ...byTwo])).status, 0);
    await rename(`${alice}.pub`, at('revoked_keys'));
    await isRejected('E_THRESHOLD', /1 has signed: "bob"/, ...byTwo);
  }));

test('threat 20: one stolen key is not enough where two have to sign: 1 of 2', (t) =>
  withTheft(t, async ({ policy, isRejected }) => {
    await isRejected(
      'E_THRESHOLD',
      /asks for the signatures of 2 principals, and 1 has signed: "alice"/,
      '--policy',
      policy,
    );
  }));

test('threat 20: the file of its signature twice does not make two signers', (t) =>
  withTheft(t, async ({ bundle, policy, isRejected }) => {
    const signature = await readFile(path.join(bundle, 'SHA256SUMS.sig'));
    await writeFile(path.join(bundle, 'SHA256SUMS.2.sig'), signature);
    await isRejected('E_THRESHOLD', /does not count: it is the same key again/, '--policy', policy);
  }));

test('threat 20: another key of the same principal does not make two signers', (t) =>
  withTheft(t, async ({ at, bundle, both, policy, exportBy, writeSigner, isRejected }) => {
    await writeFile(both, (await readFile(both, 'utf8')) + (await writeSigner('laptop', 'alice')));
    await rename(bundle, at('first'));
    const made = await runCli(exportBy(at('alice'), at('laptop')));
    t.is(made.status, 0, made.stderr);
    await isRejected('E_THRESHOLD', /it is another key of the principal alice/, '--policy', policy);
  }));

test('threat 20: a key of nobody does not count beside the stolen one, and is told', (t) =>
  withTheft(t, async ({ at, bundle, policy, exportBy, writeSigner, isRejected }) => {
    await writeSigner('eve', 'bob');
    await rename(bundle, at('first'));
    t.is((await runCli(exportBy(at('alice'), at('eve')))).status, 0);
    await isRejected('E_THRESHOLD', /1 has signed: "alice"/, '--policy', policy);
  }));

test('threat 20: a policy in the configuration folder counts without being named', (t) =>
  withTheft(t, async ({ at, bundle, both, policy }) => {
    const home = at('home');
    await writeConfiguration(home, 'policy.json', await readFile(policy));
    await refused(t, ['verify', bundle, '--trusted-keys', both], 'E_THRESHOLD', 4, { home });
  }));
