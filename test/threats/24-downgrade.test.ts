import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { openSigner } from '../../src/trust/signer.ts';
import { withFakeDocker } from '../engine/fake-docker.ts';
import { runCli } from '../helpers/cli-run.ts';
import { refused, withSigners, writeConfiguration, type SignersSite } from '../helpers/cli-signers.ts';

/** A site with a bundle by alice, and with what an import that is rejected must leave alone. */
interface Downgrade extends SignersSite {
  /** Verify and import are refused; no engine was called, and no folder made. */
  readonly isRejected: (code: ErrorCode, status: number, reason: RegExp, given: Given) => Promise<void>;
}

interface Given {
  readonly options?: readonly string[];
  readonly home?: string;
}

function withBundle(t: ExecutionContext, use: (site: Downgrade) => Promise<void>): Promise<void> {
  return withSigners((site) =>
    withFakeDocker({}, async ({ socket, requests }) => {
      const made = await runCli(site.exportBy(site.alice));
      t.is(made.status, 0, made.stderr);
      const isRejected: Downgrade['isRejected'] = async (
        code,
        status,
        reason,
        { options = [], ...world },
      ) => {
        const { bundle, at } = site;
        t.regex(await refused(t, ['verify', bundle, ...options], code, status, world), reason);
        for (const target of [`docker:unix://${socket}`, `oci:${at('target')}`]) {
          const importing = ['import', bundle, ...options, '--to', target, '--yes'];
          t.regex(await refused(t, importing, code, status, world), reason);
        }
        t.deepEqual(requests, [], 'the engine was not called');
        t.false((await readdir(at())).includes('target'), 'the folder was not made');
      };
      await use({ ...site, isRejected });
    }),
  );
}

test('threat 24: without trusted keys nothing is accepted', (t) =>
  withBundle(t, async ({ at, both, isRejected }) => {
    const home = at('home');
    await isRejected('E_USAGE', 2, /no trusted keys/, { home });
    const nothing = ['--trusted-keys', at('absent')];
    await isRejected('E_TRUST_UNREADABLE', 2, /no such file/, { home, options: nothing });
    await writeFile(at('empty'), '# nobody\n');
    const empty = ['--trusted-keys', at('empty')];
    await isRejected('E_TRUST_INVALID', 2, /no key stands in it/, { home, options: empty });
    t.is((await runCli(['verify', at('bundle'), '--trusted-keys', both])).status, 0);
  }));

test('threat 24: there is no switch that turns verification off', (t) =>
  withBundle(t, async ({ both, isRejected }) => {
    for (const option of [
      '--no-verify',
      '--skip-verify',
      '--insecure',
      '--unsigned',
      '--allow-unsigned',
      '--force',
      '--no-trusted-keys',
      '--no-policy',
    ]) {
      const options = ['--trusted-keys', both, option];
      await isRejected('E_USAGE', 2, /unknown option/, { options });
    }
    const help = (await runCli(['import', '--help'])).stdout + (await runCli(['verify', '--help'])).stdout;
    t.notRegex(help, /--[a-z-]*(insecure|unsigned|skip|force)|--no-(?!progress)/);
  }));

test('threat 24: no signature, one by a stranger, and one for another purpose are no signature', (t) =>
  withBundle(t, async ({ at, alice, both, bundle, writeSigner, isRejected }) => {
    const options = ['--trusted-keys', both];
    const file = path.join(bundle, 'SHA256SUMS.sig');
    const list = await readFile(path.join(bundle, 'SHA256SUMS'));
    const sign = async (key: string, namespace: string): Promise<string> =>
      (await openSigner({ name: key, text: await readFile(key) })).sign(list, namespace);

    await writeSigner('eve', 'alice');
    await writeFile(file, await sign(at('eve'), 'bundle@packferry'));
    await isRejected('E_SIGNER_UNTRUSTED', 4, /is not trusted by .*: it is not listed/, { options });
    await writeFile(file, await sign(alice, 'file'));
    await isRejected('E_SIGNATURE_INVALID', 4, /made for "file", not for "bundle@packferry"/, { options });
    await writeFile(file, '');
    await isRejected('E_SIGNATURE_INVALID', 4, /SHA256SUMS\.sig: no acceptable signature/, { options });
    await rm(file);
    await isRejected('E_BUNDLE_INCOMPLETE', 4, /SHA256SUMS\.sig is missing/, { options });
  }));

test('threat 24: a policy cannot ask for less than one signature, and one that is broken or missing is not passed over', (t) =>
  withBundle(t, async ({ at, both, isRejected }) => {
    const write = async (text: string): Promise<readonly string[]> => {
      await writeFile(at('policy.json'), text);
      return ['--trusted-keys', both, '--policy', at('policy.json')];
    };
    const start = '{"schema": "packferry.policy/v1"';
    for (const threshold of ['0', '-1', '0.5', '"1"', 'null', '1e999']) {
      const options = await write(`${start}, "threshold": ${threshold}}`);
      await isRejected('E_TRUST_INVALID', 2, /threshold/, { options });
    }
    const unsigned = await write(`${start}, "allowUnsigned": true}`);
    await isRejected('E_TRUST_INVALID', 2, /"allowUnsigned": unknown key/, { options: unsigned });
    await isRejected('E_TRUST_INVALID', 2, /no acceptable JSON/, { options: await write('') });
    await rm(at('policy.json'));
    const missing = ['--trusted-keys', both, '--policy', at('policy.json')];
    await isRejected('E_TRUST_UNREADABLE', 2, /no such file/, { options: missing });
    const home = at('home');
    await writeConfiguration(home, 'policy.json', `${start}, "treshold": 2}`);
    await isRejected('E_TRUST_INVALID', 2, /did you mean "threshold"/, {
      home,
      options: missing.slice(0, 2),
    });
  }));

test('threat 24: a stream that the policy does not take is rejected', (t) =>
  withBundle(t, async ({ at, both, isRejected }) => {
    await writeFile(at('policy.json'), '{"schema": "packferry.policy/v1", "streams": ["lab-*", "so"]}');
    const options = ['--trusted-keys', both, '--policy', at('policy.json')];
    await isRejected('E_WRONG_STREAM', 4, /the bundle soc [0-9]+ is of a stream that/, { options });
    await writeFile(at('policy.json'), '{"schema": "packferry.policy/v1", "streams": ["lab-*", "so?"]}');
    t.is((await runCli(['verify', at('bundle'), ...options])).status, 0);
  }));

test('threat 24: where a PIN or a finger is required, a key in a file does not count', (t) =>
  withBundle(t, async ({ at, both, isRejected }) => {
    await writeFile(at('policy.json'), '{"schema": "packferry.policy/v1", "requireUserVerification": true}');
    const options = ['--trusted-keys', both, '--policy', at('policy.json')];
    await isRejected('E_SIGNER_UNTRUSTED', 4, /a security key that asks for a PIN or a finger is required/, {
      options,
    });
  }));

test('threat 24: trusted keys, revoked keys and a policy that others could change are not believed', (t) =>
  withBundle(t, async ({ at, both, isRejected }) => {
    const home = at('home');
    const trusted = await readFile(both);
    for (const [name, content] of [
      ['allowed_signers', trusted],
      ['revoked_keys', ''],
      ['policy.json', '{"schema": "packferry.policy/v1"}'],
    ] as const) {
      const keys = await writeConfiguration(home, 'allowed_signers', trusted);
      const file = await writeConfiguration(home, name, content);
      t.is((await runCli(['verify', at('bundle')], { home })).status, 0);
      await chmod(file, 0o664);
      await isRejected('E_TRUST_UNSAFE', 2, /can be changed by others \(mode 0664\)[^]*chmod go-w /, {
        home,
      });
      await chmod(file, 0o644);
      await chmod(path.dirname(file), 0o777);
      await isRejected('E_TRUST_UNSAFE', 2, /packferry can be changed by others \(mode 0777\)/, { home });
      await rm(file);
      await rm(keys, { force: true });
    }
  }));

test('threat 24: a file of trusted keys that was named counts as it is, as on media without modes, and that is told', (t) =>
  withBundle(t, async ({ at, both }) => {
    await chmod(both, 0o777);
    const ran = await runCli(['verify', at('bundle'), '--trusted-keys', both]);
    t.is(ran.status, 0, ran.stderr);
    t.regex(ran.stderr, /others may change .*both \(mode 0777\)/);
  }));
