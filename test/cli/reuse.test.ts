import { open, readFile, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { ExportReport } from '../../src/schema/reports.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';

const powershell = 'docker.io/demisto/powershell:7.5.0.1';

function ok(t: ExecutionContext, ran: Ran): Ran {
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return ran;
}

/** Exports the site's manifest, and a second one without an image, into another folder, reusing what is said. */
async function exportTwice(
  t: ExecutionContext,
  { at, host, exporting, manifestFor, key }: Site,
  reuse: readonly string[],
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<{ readonly first: ExportReport; readonly second: ExportReport; readonly stderr: string }> {
  const first = JSON.parse(ok(t, await runCli([...exporting, '--json'])).stdout) as ExportReport;
  await between();
  const smaller = await manifestFor('smaller.yml', host, 'exclude: [demisto/powershell]\n');
  const argv = ['export', smaller, '-o', at('second'), '--key', key, ...reuse];
  const ran = ok(t, await runCli([...argv, '--json']));
  return { first, second: JSON.parse(ran.stdout) as ExportReport, stderr: ran.stderr };
}

test('what an earlier bundle has is not fetched again, and no signature is asked for', async (t) => {
  await withSite(async (site) => {
    const unsign = (): Promise<void> => rm(path.join(site.bundle, 'SHA256SUMS.sig'));
    const { first, second, stderr } = await exportTwice(t, site, ['--reuse', site.bundle], unsign);
    t.is(first.bytesReused, 0);
    t.is(second.bytesFetched, 0);
    t.is(second.bytesReused, second.totals.bytes);
    t.true(second.bytesReused > 0);
    t.notRegex(stderr, /warning/);
    const { trusted, at } = site;
    ok(t, await runCli(['verify', at('second'), '--trusted-keys', trusted]));
  });
});

test('a blob that is damaged in the earlier bundle is told and fetched, and does not count as reused', async (t) => {
  await withSite(async (site) => {
    let size = 0;
    const damage = async (): Promise<void> => {
      const document = JSON.parse(
        await readFile(path.join(site.bundle, 'bundle.json'), 'utf8'),
      ) as BundleDocument;
      const unwanted = document.images.find(({ reference }) => reference === powershell);
      const [archive] = document.archives;
      const places = archive?.blobs ?? [];
      const skipped = new Set<string>(
        [unwanted?.manifest, unwanted?.config, ...(unwanted?.layers ?? [])].map((blob) => blob?.digest ?? ''),
      );
      const place = places.find(({ digest }) => !skipped.has(digest));
      if (archive === undefined || place === undefined) throw new Error('no blob to damage');
      size = place.size;
      const file = await open(path.join(site.bundle, archive.file), 'r+');
      await file.write('damage', place.offset);
      await file.close();
    };
    const { second, stderr } = await exportTwice(t, site, ['--reuse', site.bundle], damage);
    t.is(second.bytesFetched, size);
    t.is(second.bytesReused, second.totals.bytes - size);
    t.regex(stderr, /warning: bundle:.* is damaged there/);
    ok(t, await runCli(['verify', site.at('second'), '--trusted-keys', site.trusted]));
  });
});

test('an archive that was cut short lends what is left of it', async (t) => {
  await withSite(async (site) => {
    const cut = async (): Promise<void> => {
      const file = path.join(site.bundle, 'images-001.tar');
      await truncate(file, Math.floor((await stat(file)).size / 2));
    };
    const { second } = await exportTwice(t, site, ['--reuse', site.bundle], cut);
    t.is(second.bytesFetched + second.bytesReused, second.totals.bytes);
    t.true(second.bytesFetched > 0 && second.bytesReused > 0);
    ok(t, await runCli(['verify', site.at('second'), '--trusted-keys', site.trusted]));
  });
});

test('a layout folder lends too; a dry run says how much', async (t) => {
  await withSite(async (site) => {
    const { at, host, key, manifestFor } = site;
    const reuse = ['--reuse', `oci:${at('layout')}`];
    const { second } = await exportTwice(t, site, reuse);
    t.deepEqual([second.bytesFetched, second.bytesReused], [0, second.totals.bytes]);
    const manifest = await manifestFor('third.yml', host);
    const dry = ok(
      t,
      await runCli(['export', manifest, '-o', at('third'), '--key', key, '--dry-run', ...reuse]),
    );
    t.regex(dry.stderr, /0 B to fetch, .* to reuse/);
  });
});

test('the summary says how much was reused', async (t) => {
  await withSite(async ({ at, host, key, exporting, bundle, manifestFor }) => {
    ok(t, await runCli(exporting));
    const manifest = await manifestFor('smaller.yml', host, 'exclude: [demisto/powershell]\n');
    const ran = await runCli([
      'export',
      manifest,
      '-o',
      at('second'),
      '--key',
      key,
      '--reuse',
      `bundle:${bundle}`,
    ]);
    t.regex(ok(t, ran).stderr, /0 B fetched, \S+ \S+ reused\./);
  });
});

test('what cannot be reused is told before anything is fetched', async (t) => {
  await withSite(async ({ at, exporting, bundle }) => {
    const absent = await runCli([...exporting, '--reuse', at('absent')]);
    t.is(absent.status, 4);
    t.regex(absent.stderr, /E_BUNDLE_NOT_FOUND/);
    t.regex((await runCli([...exporting, '--reuse', 'docker:'])).stderr, /no place to take blobs from/);
    await t.throwsAsync(stat(bundle), { code: 'ENOENT' });
  });
});
