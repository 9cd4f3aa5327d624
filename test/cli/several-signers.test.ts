import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { exportReport, verifyReport } from '../../src/schema/reports.ts';
import { onTerminal } from '../helpers/cli-answers.ts';
import { runCli } from '../helpers/cli-run.ts';
import { contentOf, refused, withSigners } from '../helpers/cli-signers.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';

test('two keys sign one bundle, and a site that asks for two principals takes it', (t) =>
  withSigners(async ({ alice, bob, bundle, exportBy, verifying }) => {
    const made = await runCli([...exportBy(alice, bob), '--json']);
    t.is(made.status, 0, made.stderr);
    const { signers } = exportReport.parse(JSON.parse(made.stdout));
    const verified = await runCli([...verifying, '--json']);
    t.is(verified.status, 0, verified.stderr);
    const report = verifyReport.parse(JSON.parse(verified.stdout));
    t.deepEqual(report.signers.map(({ principal }) => principal).sort(), ['alice', 'bob']);
    t.deepEqual(
      report.signers.map(({ fingerprint }) => fingerprint).sort(),
      signers.map(({ fingerprint }) => fingerprint).sort(),
    );
    const readme = await readFile(path.join(bundle, 'README.txt'), 'utf8');
    for (const { fingerprint } of signers) t.true(readme.includes(fingerprint));
    t.true(readme.includes('-s SHA256SUMS.2.sig < SHA256SUMS'));
  }));

test('ssh-keygen accepts each of the signatures by the commands of README.txt', (t) =>
  withSshKeygen(t, () =>
    withSigners(async ({ alice, bob, both, bundle, exportBy }) => {
      t.is((await runCli(exportBy(alice, bob))).status, 0);
      const input = await readFile(path.join(bundle, 'SHA256SUMS'));
      for (const [who, file] of [
        ['alice', 'SHA256SUMS.sig'],
        ['bob', 'SHA256SUMS.2.sig'],
      ] as const) {
        const argv = ['-Y', 'verify', '-f', both, '-I', who, '-n', 'bundle@packferry', '-s', file];
        t.true(sshKeygen(argv, { cwd: bundle, input }).ok, file);
      }
    }),
  ));

test('the keys of the manifest sign where the command line names none', (t) =>
  withSigners(async ({ host, bundle, manifestFor, verifying }) => {
    const manifest = await manifestFor('two.yml', host, 'sign:\n  keys: [alice, bob]\n');
    const made = await runCli(['export', manifest, '-o', bundle]);
    t.is(made.status, 0, made.stderr);
    t.is((await runCli(verifying)).status, 0);
  }));

test('an export that is there already is there only when all the keys have signed it', (t) =>
  withSigners(async ({ alice, bob, bundle, exportBy }) => {
    t.is((await runCli(exportBy(alice))).status, 0);
    const before = await contentOf(bundle);
    const words = await refused(t, exportBy(alice, bob), 'E_OUTPUT_EXISTS', 2);
    t.regex(words, /holds this bundle, but the key SHA256:\S+ has not signed it\n/);
    t.true(words.includes(`packferry sign ${bundle} --key FILE`), words);
    t.deepEqual(await contentOf(bundle), before);
    await refused(t, exportBy(bob), 'E_OUTPUT_EXISTS', 2);
  }));

test('an export by two that is there already is told so, also when one of them asks again', (t) =>
  withSigners(async ({ alice, bob, exportBy }) => {
    t.is((await runCli(exportBy(alice, bob))).status, 0);
    for (const keys of [[alice, bob], [bob]]) {
      const again = await runCli([...exportBy(...keys), '--json']);
      t.is(again.status, 0, again.stderr);
      t.is(exportReport.parse(JSON.parse(again.stdout)).status, 'present');
    }
  }));

test('one key twice, also by its public half, is a slip and not two signers', (t) =>
  withSigners(async ({ alice, at, exportBy }) => {
    await writeFile(at('copy'), await readFile(alice), { mode: 0o600 });
    t.regex(await refused(t, exportBy(alice, at('copy')), 'E_USAGE', 2), /are the same key, SHA256:/);
    await refused(t, exportBy(alice, `${alice}.pub`), 'E_USAGE', 2);
  }));

test('each encrypted key is asked for by its own name', (t) =>
  withSigners(async ({ at, writeSigner, exportBy }) => {
    await writeSigner('carol', 'carol', 'first words');
    await writeSigner('dave', 'dave', 'other words');
    const ran = await onTerminal(exportBy(at('carol'), at('dave')), [
      [`Passphrase of ${at('carol')}: `, 'first words\n'],
      [`Passphrase of ${at('dave')}: `, 'other words\n'],
    ]);
    t.is(ran.status, 0, ran.stderr);
  }));

test('passphrase files belong to the keys in their order; one for two encrypted keys is ambiguous', (t) =>
  withSigners(async ({ at, alice, writeSigner, exportBy }) => {
    await writeSigner('carol', 'carol', 'first words');
    await writeSigner('dave', 'dave', 'other words');
    await writeFile(at('first'), 'first words\n');
    await writeFile(at('other'), 'other words\n');
    const exporting = exportBy(at('carol'), at('dave'));
    const by = (...files: readonly string[]): string[] =>
      files.flatMap((file) => ['--passphrase-file', at(file)]);
    const words = await refused(t, [...exporting, ...by('first')], 'E_USAGE', 2);
    t.true(words.includes(`both ${at('carol')} and ${at('dave')} are encrypted`), words);
    await refused(t, [...exporting, ...by('other', 'first')], 'E_KEY_PASSPHRASE', 2);
    await refused(t, [...exporting, ...by('first', 'other', 'first')], 'E_USAGE', 2);
    t.is((await runCli([...exporting, ...by('first', 'other'), '--dry-run'])).status, 0);
    const made = await runCli([...exportBy(alice, at('carol')), ...by('first')]);
    t.is(made.status, 0, made.stderr);
  }));

test('an expired certificate is refused before anything is fetched', (t) =>
  withSshKeygen(t, () =>
    withSigners(async ({ at, alice, bundle, exportBy }) => {
      const run = (...args: readonly string[]): unknown => sshKeygen(['-q', ...args], { cwd: at() });
      run('-t', 'ed25519', '-N', '', '-C', 'authority', '-f', 'ca');
      run('-s', 'ca', '-I', 'alice 2025', '-n', 'alice', '-V', '20250101:20260101', `${alice}.pub`);
      const words = await refused(t, exportBy(`${alice}-cert.pub`), 'E_KEY_NOT_VALID', 2);
      t.regex(words, /the certificate "alice 2025" was valid until 2026-01-01/);
      await t.throwsAsync(readFile(path.join(bundle, 'export.journal')));
    }),
  ));
