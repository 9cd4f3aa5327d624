import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type * as z from 'zod';
import {
  exportReport,
  importReport,
  inspectReport,
  keygenReport,
  verifyReport,
} from '../../src/schema/reports.ts';
import { lockReport } from '../../src/schema/reports-lock.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { runCli, type Ran, type RunOptions } from '../helpers/cli-run.ts';
import { siteReferences, withSite } from '../helpers/cli-site.ts';

function ok(t: ExecutionContext, ran: Ran): Ran {
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return ran;
}

/** Runs a command that must succeed with `--json`; its stdout is one object of this shape and nothing else. */
async function reportOf<Schema extends z.ZodType>(
  t: ExecutionContext,
  schema: Schema,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<z.infer<Schema>> {
  const { stdout } = ok(t, await runCli([...argv, '--json'], options));
  const value: unknown = JSON.parse(stdout);
  const parsed = schema.parse(value);
  t.deepEqual<unknown, unknown>(parsed, value, 'the schema knows every field');
  return parsed;
}

test('plan, lock, export, verify, inspect, import: each says in JSON what it did, and again that it is done', async (t) => {
  await withSite(async ({ at, manifest, key, trusted, bundle, exporting, importing }) => {
    const plan = await reportOf(t, planReport, ['plan', manifest]);
    t.is(plan.totals.images, siteReferences.length);
    t.true(plan.totals.bytesShared > 0);

    const lock = ['lock', manifest];
    t.deepEqual(
      (await reportOf(t, lockReport, lock)).images.map(({ status }) => status),
      ['new', 'new', 'new'],
    );
    const before = await readFile(at('packferry.lock.json'));
    t.false((await reportOf(t, lockReport, lock)).changed);
    t.deepEqual(await readFile(at('packferry.lock.json')), before);
    t.false((await reportOf(t, lockReport, [...lock, '--check'])).changed);

    const written = await reportOf(t, exportReport, [...exporting, '--frozen-lock']);
    t.is(written.status, 'written');
    t.is(written.bytesFetched, plan.totals.bytes);
    const again = await reportOf(t, exportReport, exporting);
    t.is(again.status, 'present');
    t.is(again.bytesFetched, 0);
    t.is(again.sumsSha256, written.sumsSha256);

    const trust = ['--trusted-keys', trusted];
    const verified = await reportOf(t, verifyReport, ['verify', bundle, ...trust]);
    t.is(verified.images, siteReferences.length);
    t.deepEqual(
      verified.signers.map(({ principal }) => principal),
      ['builder'],
    );
    t.is((await reportOf(t, inspectReport, ['inspect', bundle])).signature, 'not checked');
    t.is((await reportOf(t, inspectReport, ['inspect', bundle, ...trust])).signature, 'good');

    const to = [...importing, '--to', `oci:${at('target')}`];
    const statuses = async (...more: string[]): Promise<unknown> =>
      (await reportOf(t, importReport, [...to, ...more])).targets[0]?.images.map(({ status }) => status);
    t.deepEqual(await statuses('--dry-run'), ['pending', 'pending', 'pending']);
    t.deepEqual(await statuses('--image', 'demisto/crypto:1.0.0.1'), ['loaded']);
    t.deepEqual(await statuses(), ['present', 'loaded', 'loaded']);
    t.deepEqual(await statuses(), ['present', 'present', 'present']);

    const make = ['keygen', '-o', at('other'), '--no-passphrase', '--type', 'ecdsa-p256'];
    const made = await reportOf(t, keygenReport, make);
    t.is((await stat(made.privateKey)).mode & 0o777, 0o600);
    t.true((await readFile(key, 'utf8')).includes('PRIVATE KEY'));
  });
});

test('people read on stdout what was asked for, and on stderr how it went', async (t) => {
  await withSite(async ({ at, manifest, bundle, exporting, importing, trusted, host }) => {
    const plan = ok(t, await runCli(['plan', manifest]));
    for (const reference of siteReferences) t.true(plan.stdout.includes(`docker.io/${reference}`));
    t.regex(plan.stderr, /3 images of 1 pack: .* in 1 archive/);

    const dry = ok(t, await runCli(['export', manifest, '-o', bundle, '--dry-run']));
    t.is(dry.stdout, plan.stdout, 'a dry run needs no key');
    t.true(dry.stderr.includes('Nothing was written.'));
    await t.throwsAsync(stat(bundle));

    t.regex(ok(t, await runCli(exporting)).stderr, /Wrote soc [0-9]+ to .*bundle: 3 images in 1 archive/);
    const again = ok(t, await runCli(exporting));
    t.true(again.stderr.includes('already holds this bundle'));
    t.true(again.stderr.includes('verified images-001.tar'), 'what is there was read');

    const verified = ok(t, await runCli(['verify', bundle, '--trusted-keys', trusted]));
    t.is(verified.stdout, '');
    t.regex(verified.stderr, /is good: soc .*\nSigned by builder \(SHA256:/);
    t.true(ok(t, await runCli(['inspect', bundle])).stderr.includes('Nothing was verified'));

    const to = [...importing, '--to', `oci:${at('target')}`];
    t.true(ok(t, await runCli([...to, '--dry-run'])).stderr.includes('3 would be loaded'));
    t.false((await runCli([...to, '--dry-run'])).stderr.includes('Loading'), 'a dry run loads nothing');
    t.true(ok(t, await runCli(to)).stderr.includes('3 loaded, 0 already present'));
    t.true(ok(t, await runCli(to)).stderr.includes('0 loaded, 3 already present'));

    ok(t, await runCli(['lock', manifest]));
    const same = ok(t, await runCli(['lock', manifest]));
    t.is(same.stdout, '', 'nothing changed, nothing to show');
    t.true(same.stderr.includes('up to date'));

    const images = `schema: packferry.export/v1\nname: bare\nimages: ["${host}/demisto/crypto:1.0.0.1"]\n`;
    await writeFile(at('bare.yml'), images);
    t.regex(ok(t, await runCli(['plan', at('bare.yml')])).stderr, /1 image: /);
  });
});

test('--quiet prints nothing on stderr when all goes well, and nothing happens for the first time', async (t) => {
  await withSite(async ({ at, manifest, bundle, exporting, importing, trusted, state }) => {
    const commands = [
      ['plan', manifest],
      ['lock', manifest],
      exporting,
      exporting,
      ['verify', bundle, '--trusted-keys', trusted],
      ['history', '--state', state],
      ['inspect', bundle],
      [...importing, '--to', `oci:${at('target')}`],
      ['keygen', '-o', at('other'), '--no-passphrase'],
    ];
    ok(t, await runCli(exporting));
    const first = await runCli([...importing, '--to', `oci:${at('first')}`, '--quiet']);
    t.regex(first.stderr, /^warning: first use: [^\n]*\n$/);
    for (const command of commands) t.is(ok(t, await runCli([...command, '--quiet'])).stderr, '');
  });
});

test('SOURCE_DATE_EPOCH makes two exports the same, whatever the clock says', async (t) => {
  await withSite(async ({ at, manifest, key }) => {
    const env = { SOURCE_DATE_EPOCH: '1700000000' };
    const exportTo = (dir: string, now: Date): Promise<Ran> =>
      runCli(['export', manifest, '-o', at(dir), '--key', key], { env, now });
    ok(t, await exportTo('one', new Date('2026-01-01T00:00:00Z')));
    ok(t, await exportTo('two', new Date('2027-02-03T04:05:06Z')));
    const names = await readdir(at('one'));
    t.true(names.includes('bundle.json') && names.includes('SHA256SUMS.sig'));
    t.deepEqual(await readdir(at('two')), names);
    for (const name of names)
      t.deepEqual(await readFile(at('one', name)), await readFile(at('two', name)), name);
    t.true((await readFile(at('one', 'bundle.json'), 'utf8')).includes('2023-11-14T22:13:20Z'));

    const wrong = await runCli(['export', manifest, '-o', at('three'), '--key', key], {
      env: { SOURCE_DATE_EPOCH: 'yesterday' },
    });
    t.is(wrong.status, 2);
    t.true(wrong.stderr.includes('SOURCE_DATE_EPOCH'));
  });
});

test('a manifest that pins the digest that is locked already changes the lock, and then fits it', async (t) => {
  await withSite(async ({ at, manifest, exporting }) => {
    const { images } = await reportOf(t, lockReport, ['lock', manifest]);
    const digest = images.find(({ reference }) => reference.includes('crypto'))?.manifest ?? '';
    const item = at('Packs', 'Sample', 'Integrations', 'Item1', 'Item1.yml');
    const text = await readFile(item, 'utf8');
    await writeFile(item, text.replace('demisto/crypto:1.0.0.1', `demisto/crypto:1.0.0.1@${digest}`));

    const frozen = [...exporting, '--frozen-lock'];
    t.is((await runCli(frozen)).status, 2);
    t.is((await runCli(['lock', manifest, '--check'])).status, 2);
    t.true((await reportOf(t, lockReport, ['lock', manifest])).changed);
    t.false((await reportOf(t, lockReport, ['lock', manifest])).changed);
    ok(t, await runCli(frozen));
  });
});
