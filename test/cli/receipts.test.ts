import { rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import type { Receipt } from '../../src/schema/receipt.ts';
import { copyReport, importReport, verifyReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { packferry } from '../helpers/cli.ts';
import { MemoryInput, MemoryOutput, runCli, type Ran } from '../helpers/cli-run.ts';
import { addToAgent, emptyAgent, withAgent } from '../trust/ssh-agent.ts';
import { withSite, writeKey, type Site } from '../helpers/cli-site.ts';
import { receiptsOf } from '../helpers/receipts.ts';

const fail = (ran: Ran): string => `${ran.stdout}${ran.stderr}`;

async function onlyReceipt(state: string): Promise<Receipt> {
  const [receipt, ...others] = await receiptsOf(state);
  if (receipt === undefined || others.length > 0) throw new Error(`${others.length} receipts too many`);
  return receipt;
}

async function withExported(use: (site: Site) => Promise<void>): Promise<void> {
  await withSite(async (site) => {
    await runCli(site.exporting);
    await use(site);
  });
}

test('an import leaves a receipt of what was looked at, decided and done', async (t) => {
  await withExported(async (site) => {
    const to = `oci:${site.at('images')}`;
    const ran = await runCli([...site.importing, '--to', to, '--site', 'site-a', '--json'], {
      env: { SUDO_USER: 'alice' },
    });
    t.is(ran.status, 0, fail(ran));
    const report = importReport.parse(JSON.parse(ran.stdout));
    const receipt = await onlyReceipt(site.state);
    t.like(receipt, {
      number: 1,
      previous: null,
      action: 'import',
      clock: '2026-11-23T05:00:00.000Z',
      host: 'closed-host',
      operator: { name: 'operator', uid: 54321, sudoUser: 'alice' },
      site: 'site-a',
      outcome: { result: 'done', status: 0, errors: [] },
    });
    t.is(receipt.bundle?.name, 'soc');
    t.is(receipt.bundle?.dir, site.bundle);
    t.is(receipt.bundle?.sumsSha256, report.bundle.sumsSha256);
    t.deepEqual(
      receipt.signers.map(({ principal, fingerprint }) => ({ principal, fingerprint })),
      report.bundle.signers.map(({ principal, fingerprint }) => ({ principal, fingerprint })),
    );
    t.is(receipt.trust.allowedSigners?.file, site.trusted);
    const listed = (await readFile(path.join(site.bundle, 'SHA256SUMS'), 'utf8')).trim().split('\n');
    t.deepEqual(
      receipt.files.map(({ file, sha256, result }) => `${sha256} ${result}  ${file}`).sort(),
      listed.map((line) => line.replace('  ', ' good  ')).sort(),
    );
    t.is(receipt.images.length, 3);
    t.deepEqual(
      receipt.targets[0]?.images.map(({ status }) => status),
      ['loaded', 'loaded', 'loaded'],
    );
    t.regex(receipt.tool.program?.sha256 ?? '', /^[0-9a-f]{64}$/);
    t.like(report.receipt, { number: 1, signed: false });
    t.regex(ran.stderr, /Receipt 1 written: .*receipt-000001\.json, code [0-9A-Z-]{39} \(not signed\)\./);

    // Once more: everything is there already, and the names stand for what they did.
    await runCli([...site.importing, '--to', to]);
    const [, second] = await receiptsOf(site.state);
    t.is(second?.previous, report.receipt?.sha256);
    for (const { status, id, before } of second?.targets[0]?.images ?? []) {
      t.is(status, 'present');
      t.is(before, id);
    }
  });
});

test('a dry run leaves none', async (t) => {
  await withExported(async (site) => {
    const ran = await runCli([...site.importing, '--to', `oci:${site.at('images')}`, '--dry-run']);
    t.is(ran.status, 0, fail(ran));
    await t.throwsAsync(readdir(path.join(site.state, 'receipts')), { code: 'ENOENT' });
  });
});

test('a command line by which nothing can be judged leaves none, and is the last that is said', async (t) => {
  await withExported(async ({ bundle, trusted, state, at }) => {
    const trusting = ['--trusted-keys', trusted];
    const refused: readonly (readonly string[])[] = [
      ['import', bundle],
      ['verify', bundle],
      ['serve', bundle, '--listen', '127.0.0.1:0'],
      ['copy', '--all', '--from', `bundle:${bundle}`, '--to', `oci:${at('images')}`],
      ['import', bundle, ...trusting, '--site', 'no site'],
      ['import', bundle, ...trusting, '--allow-rollback', ' '],
      ['verify', bundle, ...trusting, '--witness', at('none')],
    ];
    for (const args of refused) {
      const ran = await runCli([...args, '--state', state]);
      t.is(ran.status, 2, fail(ran));
      t.notRegex(ran.stderr, /receipt/i, args.join(' '));
      t.regex(ran.stderr, /error\[E_USAGE\]: .*\nhint: .*\n$/, args.join(' '));
      t.deepEqual(await readdir(path.join(state, 'receipts')), []);
    }
    // Once the bundle was looked at, there is something to witness, whatever the end.
    const away = await runCli(['import', bundle, ...trusting, '--state', state, '--image', 'acme/none:1']);
    t.is(away.status, 2, fail(away));
    t.is((await onlyReceipt(state)).outcome.errors[0]?.code, 'E_IMAGE_NOT_IN_BUNDLE');
  });
});

const failed = test.macro({
  exec: async (
    t,
    args: (site: Site) => Promise<readonly string[]>,
    code: string,
    check: (receipt: Receipt) => boolean = () => true,
  ) => {
    await withExported(async (site) => {
      const ran = await runCli(await args(site));
      t.not(ran.status, 0);
      const receipt = await onlyReceipt(site.state);
      t.is(receipt.outcome.result, 'failed');
      t.is(receipt.outcome.status, ran.status);
      t.is(receipt.outcome.errors[0]?.code, code, fail(ran));
      t.true(check(receipt), JSON.stringify(receipt, null, 2));
      if (code !== 'E_TAG_CONFLICT') t.deepEqual(receipt.targets, []);
      t.regex(ran.stderr, /receipt 1 written/i);
    });
  },
  title: (title) => `a receipt tells why an import failed: ${title ?? ''}`,
});

/** Flips a bit in the middle of a file. */
async function damage(file: string): Promise<void> {
  const bytes = await readFile(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

test(
  'no bundle there',
  failed,
  (site) =>
    Promise.resolve(['import', site.at('none'), '--trusted-keys', site.trusted, '--state', site.state]),
  'E_BUNDLE_NOT_FOUND',
  ({ bundle }) => bundle !== undefined && bundle.sumsSha256 === undefined && bundle.name === undefined,
);
test(
  'a signer who is not trusted: the list that he signed is named, nothing that he says is',
  failed,
  async (site) => {
    await writeKey(site.at('other'), site.at('others'));
    return ['import', site.bundle, '--trusted-keys', site.at('others'), '--state', site.state];
  },
  'E_SIGNER_UNTRUSTED',
  ({ bundle, signers, images }) =>
    bundle?.sumsSha256 !== undefined && bundle.name === undefined && signers.length + images.length === 0,
);
test(
  'a list that was changed after it was signed',
  failed,
  async (site) => {
    await damage(path.join(site.bundle, 'SHA256SUMS'));
    return site.importing;
  },
  'E_SIGNATURE_INVALID',
);
test(
  'a damaged archive: which file, and that the others are good',
  failed,
  async (site) => {
    await damage(path.join(site.bundle, 'images-001.tar'));
    return [...site.importing, '--to', `oci:${site.at('images')}`];
  },
  'E_DIGEST_MISMATCH',
  ({ files, signers, bundle }) =>
    files.find(({ file }) => file === 'images-001.tar')?.result === 'damaged' &&
    files.filter(({ result }) => result === 'good').length === files.length - 1 &&
    signers.length === 1 &&
    bundle?.name === 'soc',
);
test(
  'an engine that is off',
  failed,
  (site) => Promise.resolve([...site.importing, '--to', `docker:unix://${site.at('no.sock')}`]),
  'E_ENGINE_UNREACHABLE',
  ({ files }) => files.every(({ result }) => result === 'good') && files.length > 0,
);
test(
  'a bundle for other sites',
  failed,
  async (site) => {
    const manifest = await site.manifestFor('other.yml', site.host, 'bundle: { audience: [site-b] }\n');
    await runCli(['export', manifest, '-o', site.at('other'), '--key', site.key]);
    return [
      'import',
      site.at('other'),
      '--trusted-keys',
      site.trusted,
      '--state',
      site.state,
      '--site',
      'site-a',
    ];
  },
  'E_WRONG_SITE',
  ({ site, bundle }) => site === 'site-a' && bundle?.audience?.[0] === 'site-b',
);

test('a verification leaves one, too, and says so in its report', async (t) => {
  await withExported(async (site) => {
    const args = ['verify', site.bundle, '--trusted-keys', site.trusted, '--state', site.state, '--json'];
    const ran = await runCli(args);
    t.is(ran.status, 0, fail(ran));
    t.is(verifyReport.parse(JSON.parse(ran.stdout)).receipt?.number, 1);
    t.like(await onlyReceipt(site.state), { action: 'verify', targets: [], outcome: { result: 'done' } });
  });
});

test('an import that could leave no receipt is refused before anything happens, a verification is not', async (t) => {
  await withExported(async (site) => {
    // A file where the folder ought to be: this stops root as well.
    await writeFile(site.state, '');
    const target = site.at('images');
    const ran = await runCli([...site.importing, '--to', `oci:${target}`]);
    t.is(ran.status, 1, fail(ran));
    t.regex(ran.stderr, /error\[E_RECEIPT_UNWRITABLE\].*\nhint: .*--state DIR/);
    await t.throwsAsync(readdir(target), { code: 'ENOENT' });

    const verified = await runCli([
      'verify',
      site.bundle,
      '--trusted-keys',
      site.trusted,
      '--state',
      site.state,
    ]);
    t.is(verified.status, 0, fail(verified));
    t.regex(verified.stderr, /warning: no receipt is written/);
    const homeless = await runCli(['verify', site.bundle, '--trusted-keys', site.trusted], {
      state: 'as the user has it',
    });
    t.is(homeless.status, 0, fail(homeless));
    t.regex(homeless.stderr, /warning: no receipt is written: this user has no folder/);
  });
});

test('that a receipt could not be written after the delivery is an error of its own, and hides none', async (t) => {
  await withExported(async (site) => {
    const stderr = new MemoryOutput();
    const running = runCli([...site.importing, '--to', `oci:${site.at('images')}`], { stderr });
    await stderr.shows('Verifying');
    const dir = path.join(site.state, 'receipts');
    // At once: the import goes on meanwhile.
    rmSync(dir, { recursive: true });
    writeFileSync(dir, '');
    const ran = await running;
    t.is(ran.status, 1, fail(ran));
    t.regex(ran.stderr, /E_RECEIPT_UNWRITABLE\]: the run has ended, its receipt could not be written/);
    t.regex(ran.stderr, /3 loaded/);
  });
});

test('a receipt that cannot be signed any more is left without a signature, and that is an error', async (t) => {
  await withAgent(t, async ({ socket }) => {
    await withExported(async (site) => {
      await writeKey(site.at('site_key'), site.at('ignored'));
      t.true(addToAgent(socket, site.at('site_key')));
      await rm(site.at('site_key'));
      const stderr = new MemoryOutput();
      const env = { SSH_AUTH_SOCK: socket };
      const key = ['--site-key', site.at('site_key.pub')];
      const running = runCli([...site.importing, '--to', `oci:${site.at('images')}`, ...key], {
        stderr,
        env,
      });
      await stderr.shows('Verifying');
      emptyAgent(socket);
      const ran = await running;
      t.is(ran.status, 1, fail(ran));
      t.regex(ran.stderr, /E_RECEIPT_UNWRITABLE\]: the receipt could not be signed/);
      t.regex(ran.stderr, /Receipt 1 written: .*\(not signed\)/);
      t.like(await onlyReceipt(site.state), { outcome: { result: 'done' } });
    });
  });
});

test('receipts are signed by the key of the configuration folder; one that is encrypted needs its passphrase first', async (t) => {
  await withExported(async (site) => {
    const home = site.at('home');
    const key = path.join(home, '.config', 'packferry', 'site_key');
    await mkdir(path.dirname(key), { recursive: true });
    await writeKey(key, site.at('ignored'), 'open sesame');
    const refused = await runCli([...site.importing, '--to', `oci:${site.at('images')}`], { home });
    t.is(refused.status, 2, fail(refused));
    t.regex(refused.stderr, /E_KEY_PASSPHRASE.*\n?.*--passphrase-file/);
    t.deepEqual(await receiptsOf(site.state), []);

    await writeFile(site.at('words'), 'open sesame\n');
    const args = [
      ...site.importing,
      '--to',
      `oci:${site.at('images')}`,
      '--passphrase-file',
      site.at('words'),
    ];
    const ran = await runCli(args, { home });
    t.is(ran.status, 0, fail(ran));
    t.true((await readdir(path.join(site.state, 'receipts'))).includes('receipt-000001.json.sig'));
    t.notRegex(ran.stderr, /not signed/);
  });
});

test('an import that is interrupted leaves a signed receipt that says so', async (t) => {
  await withExported(async (site) => {
    await writeKey(site.at('site_key'), site.at('ignored'));
    const stop = new AbortController();
    const stderr = new MemoryOutput(true);
    const stdin = new MemoryInput(true);
    const args = [...site.importing, '--to', `oci:${site.at('images')}`, '--site-key', site.at('site_key')];
    const running = runCli([...args, '--progress', 'plain'], { stderr, stdin, signal: stop.signal });
    await stderr.shows('Load them?');
    const { PackferryError } = await import('../../src/core/errors.ts');
    stop.abort(new PackferryError('E_INTERRUPTED', 'stopped before the end'));
    t.is((await running).status, 130);
    t.like(await onlyReceipt(site.state), { outcome: { result: 'interrupted', status: 130 } });
    t.true((await readdir(path.join(site.state, 'receipts'))).includes('receipt-000001.json.sig'));
  });
});

test('an import that the operator declined says so', async (t) => {
  await withExported(async (site) => {
    const stderr = new MemoryOutput(true);
    const stdin = new MemoryInput(true);
    const running = runCli([...site.importing, '--to', `oci:${site.at('images')}`], { stderr, stdin });
    await stderr.shows('Load them?');
    stdin.write('n\n');
    await running;
    t.like(await onlyReceipt(site.state), { outcome: { result: 'declined', status: 0 }, targets: [] });
  });
});

test('runs at the same time get numbers of their own, and one chain', async (t) => {
  await withExported(async (site) => {
    const runs = Array.from({ length: 8 }, () =>
      runCli(['verify', site.bundle, '--trusted-keys', site.trusted, '--state', site.state]),
    );
    for (const ran of await Promise.all(runs)) t.is(ran.status, 0, fail(ran));
    t.deepEqual(
      (await receiptsOf(site.state)).map(({ number }) => number),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    t.is((await runCli(['receipt', 'verify', '--state', site.state])).status, 0);
  });
});

test('the real program tells of this very machine, and of itself', async (t) => {
  await withFolder(async (folder) => {
    const trusted = path.join(folder, 'allowed_signers');
    await writeKey(path.join(folder, 'key'), trusted);
    const args = ['verify', path.join(folder, 'none'), '--trusted-keys', trusted];
    const ran = await packferry(args, { env: { PACKFERRY_STATE: folder } });
    t.not(ran.status, 0);
    const receipt = await onlyReceipt(folder);
    t.is(receipt.operator.uid, process.getuid?.());
    t.is(receipt.tool.node, process.version);
    t.regex(receipt.tool.program?.path ?? '', /dist\/(src|program)$/);
    t.true((receipt.tool.program?.files ?? 0) > 1);
    await chmod(folder, 0o755);
  });
});

test('a copy leaves a receipt of each bundle that gave images, and another of what nobody has signed', async (t) => {
  await withExported(async (site) => {
    const from = ['--from', `bundle:${site.bundle}`, '--trusted-keys', site.trusted, '--state', site.state];
    const ran = await runCli(['copy', '--all', ...from, '--to', `oci:${site.at('images')}`, '--json']);
    t.is(ran.status, 0, fail(ran));
    const [written] = copyReport.parse(JSON.parse(ran.stdout)).receipts ?? [];
    const receipt = await onlyReceipt(site.state);
    t.is(written?.number, 1);
    t.like(receipt, { action: 'copy', outcome: { result: 'done', status: 0, errors: [] } });
    t.is(receipt.bundle?.dir, site.bundle);
    t.is(receipt.bundle?.name, 'soc');
    t.true(receipt.files.every(({ result }) => result === 'good'));
    t.deepEqual(
      receipt.targets.map(({ name, images }) => [name, images.map(({ status }) => status)]),
      [[`oci:${site.at('images')}`, ['loaded', 'loaded', 'loaded']]],
    );

    const dry = await runCli(['copy', '--all', ...from, '--to', `oci:${site.at('other')}`, '--dry-run']);
    t.is(dry.status, 0, fail(dry));
    const unsigned = ['--from', `oci:${site.at('images')}`, '--state', site.state];
    const plain = await runCli(['copy', '--all', ...unsigned, '--to', `oci:${site.at('third')}`]);
    t.is(plain.status, 0, fail(plain));
    const [, bare, ...more] = await receiptsOf(site.state);
    t.deepEqual(more, []);
    t.is(bare?.bundle, undefined);
    t.deepEqual([bare?.signers, bare?.images, bare?.files], [[], [], []]);
    t.deepEqual(bare?.unsigned?.sources, [`oci:${site.at('images')}`]);
    t.deepEqual(
      bare?.unsigned?.images.map(({ reference, source, manifest, config }) => ({
        ...{ reference, source, manifest, config },
      })),
      receipt.images.map(({ reference, manifest, config }) => ({
        ...{ reference, source: `oci:${site.at('images')}`, manifest, config },
      })),
    );
    t.deepEqual(
      bare?.targets.map(({ name, images }) => [name, images.map(({ status }) => status)]),
      [[`oci:${site.at('third')}`, ['loaded', 'loaded', 'loaded']]],
    );
    // It tells no delta what is there: nobody has signed what these images are.
    const second = path.join(site.state, 'receipts', 'receipt-000002.json');
    const based = await runCli([
      ...site.exporting.slice(0, 2),
      '-o',
      site.at('delta'),
      '--key',
      site.key,
      '--base',
      second,
    ]);
    t.is(based.status, 2, fail(based));
    t.regex(based.stderr, /E_BASE_INVALID.*nobody has signed/);
    const shown = await runCli(['receipt', 'show', '--state', site.state]);
    t.regex(shown.stdout, /Signed by +nobody/);
    t.true(shown.stdout.includes(bare?.unsigned?.images[0]?.config.slice(7) ?? '?'), shown.stdout);
    const listed = await runCli(['receipt', 'list', '--state', site.state]);
    t.regex(listed.stdout, /copy +done +oci:/);

    // Where all came from the bundle, the other place has nothing to do with it.
    const both = ['--from', `bundle:${site.bundle}`, '--from', `oci:${site.at('images')}`];
    const mixed = ['copy', receipt.images[0]?.reference ?? '', ...both, ...from.slice(2)];
    const taken = await runCli([...mixed, '--to', `oci:${site.at('fifth')}`, '--json']);
    t.is(taken.status, 0, fail(taken));
    t.deepEqual(
      copyReport.parse(JSON.parse(taken.stdout)).receipts?.map(({ number }) => number),
      [3],
    );

    await writeFile(path.join(site.bundle, 'README.txt'), 'changed');
    const bad = await runCli(['copy', '--all', ...from, '--to', `oci:${site.at('fourth')}`]);
    t.is(bad.status, 4, fail(bad));
    const failed = (await receiptsOf(site.state)).at(-1);
    t.like(failed, { number: 4, action: 'copy', targets: [], outcome: { result: 'failed', status: 4 } });
  });
});

test('a copy that could leave no receipt is refused before anything is brought', async (t) => {
  await withExported(async (site) => {
    const trusting = ['--trusted-keys', site.trusted];
    const good = [...trusting, '--state', site.state, '--to', `oci:${site.at('others')}`];
    t.is((await runCli(['copy', '--all', '--from', `bundle:${site.bundle}`, ...good])).status, 0);
    await writeFile(site.at('file'), '');
    for (const from of [`bundle:${site.bundle}`, `oci:${site.at('others')}`]) {
      const argv = ['copy', '--all', '--from', from, ...trusting, '--state', site.at('file')];
      const ran = await runCli([...argv, '--to', `oci:${site.at('images')}`]);
      t.regex(ran.stderr, /E_RECEIPT_UNWRITABLE/);
      await t.throwsAsync(readdir(site.at('images')), { code: 'ENOENT' });
    }
  });
});

test('serve leaves a receipt of each bundle when it begins, which says where it is given out', async (t) => {
  await withExported(async (site) => {
    const stop = new AbortController();
    const stdout = new MemoryOutput();
    const trust = ['--trusted-keys', site.trusted, '--state', site.state];
    const running = runCli(['serve', site.bundle, '--listen', '127.0.0.1:0', ...trust], {
      stdout,
      signal: stop.signal,
    });
    await stdout.shows('http://');
    const receipt = await onlyReceipt(site.state);
    t.like(receipt, { action: 'serve', outcome: { result: 'done', status: 0, errors: [] } });
    t.regex(receipt.served?.url ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    t.is(receipt.bundle?.dir, site.bundle);
    stop.abort();
    t.is((await running).status, 0);
    t.is((await receiptsOf(site.state)).length, 1);

    await writeFile(path.join(site.bundle, 'README.txt'), 'changed');
    const bad = await runCli(['serve', site.bundle, '--listen', '127.0.0.1:0', ...trust]);
    t.is(bad.status, 4, fail(bad));
    const [, failed] = await receiptsOf(site.state);
    t.like(failed, { action: 'serve', outcome: { result: 'failed', status: 4 } });
    t.is(failed?.served, undefined);
  });
});
