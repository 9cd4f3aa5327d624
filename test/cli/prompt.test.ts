import { readdir, readFile } from 'node:fs/promises';
import test from 'ava';
import { readKeyFile } from '../../src/trust/key-file.ts';
import { openSigner } from '../../src/trust/signer.ts';
import { onTerminal } from '../helpers/cli-answers.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, writeKey } from '../helpers/cli-site.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

test('import asks on a terminal: n loads nothing, y loads', async (t) => {
  await withSite(async ({ exporting, importing, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const to = [...importing, '--to', `oci:${at('target')}`];
    for (const answer of ['n\n', '\n', 'never\n', '\u0004']) {
      const no = await onTerminal(to, [['Load them?', answer]]);
      t.is(no.status, 0, no.stderr);
      t.true(no.stderr.includes('Nothing was loaded.'));
      t.is(no.stdout, '');
    }
    t.false((await readdir(at())).includes('target'), 'the target has not been touched');

    const yes = await onTerminal(to, [['Load them?', 'y\n']]);
    t.is(yes.status, 0);
    t.regex(yes.stderr, /soc [0-9]+ of 2026-11-23T05:00:00Z, signed by builder \(SHA256:.*\), is good\./);
    t.regex(yes.stderr, /To oci:.*target: 3 images, /);
    t.true(yes.stderr.includes('3 loaded'));

    const again = await onTerminal(to, []);
    t.is(again.status, 0);
    t.false(again.stderr.includes('Load them?'), 'nothing is to be loaded, nothing is asked');
  });
});

test('import does not ask with --yes', async (t) => {
  await withSite(async ({ exporting, importing, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const ran = await onTerminal([...importing, '--to', `oci:${at('target')}`, '--yes'], []);
    t.is(ran.status, 0);
    t.false(ran.stderr.includes('Load them?'));
  });
});

test('Ctrl-C at the question: nothing is loaded, status 130, the error on a line of its own', async (t) => {
  await withSite(async ({ exporting, importing, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const ran = await onTerminal([...importing, '--to', `oci:${at('target')}`], [['Load them?', '\u0003']]);
    t.is(ran.status, 130);
    t.regex(ran.stderr, /\[y\/N\] \n/);
    t.regex(ran.stderr, /^Receipt 1 written/m);
    t.false((await readdir(at())).includes('target'), 'the target has not been touched');
  });
});

test('keygen asks twice, shows nothing of it, and makes an encrypted key', async (t) => {
  await withFolder(async (folder) => {
    const key = `${folder}/key`;
    const ran = await onTerminal(
      ['keygen', '-o', key],
      [
        ['Passphrase', 'correct horse\n'],
        ['Once more', 'correct horse\n'],
      ],
    );
    t.is(ran.status, 0, ran.stderr);
    t.false(ran.stderr.includes('correct'));
    await t.throwsAsync(openSigner(await readKeyFile(key)));
    const signer = await openSigner(await readKeyFile(key), () => Promise.resolve('correct horse'));
    t.true(ran.stdout.includes(signer.publicKey));
  });
});

test('keygen: two passphrases that differ make no key', async (t) => {
  await withFolder(async (folder) => {
    const ran = await onTerminal(
      ['keygen', '-o', `${folder}/key`],
      [
        ['Passphrase', 'correct horse\n'],
        ['Once more', 'correct hose\n'],
      ],
    );
    t.is(ran.status, 2);
    t.true(ran.stderr.includes('differ'));
    t.deepEqual(await readdir(folder), []);
  });
});

test('keygen never overwrites a key', async (t) => {
  await withFolder(async (folder) => {
    const argv = ['keygen', '-o', `${folder}/key`, '--no-passphrase'];
    t.is((await runCli(argv)).status, 0);
    const before = await readFile(`${folder}/key`);
    const again = await runCli(argv);
    t.is(again.status, 2);
    t.true(again.stderr.includes(`${folder}/key`) && again.stderr.includes('hint: '), again.stderr);
    t.deepEqual(await readFile(`${folder}/key`), before);
  });
});

test('export asks for the passphrase of an encrypted key, and goes on with it', async (t) => {
  await withSite(async ({ at, manifest, bundle }) => {
    await writeKey(at('locked'), at('locked-signers'), 'a passphrase');
    const argv = ['export', manifest, '-o', bundle, '--key', at('locked')];
    const ran = await onTerminal(argv, [[`Passphrase of ${at('locked')}`, 'a passphrase\n']]);
    t.is(ran.status, 0, ran.stderr);
    t.is((await runCli(['verify', bundle, '--trusted-keys', at('locked-signers')])).status, 0);
  });
});
