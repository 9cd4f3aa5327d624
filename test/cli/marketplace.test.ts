import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type * as z from 'zod';
import { exportReport, failureReport, importReport } from '../../src/schema/reports.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { indexOf, serveFiles, type FakePack, type MarketplaceServer } from '../helpers/marketplace-server.ts';
import { zipOf } from '../helpers/marketplace-zip.ts';
import { script } from '../helpers/pack-folder.ts';

const [python = '', crypto = '', powershell = ''] = siteReferences;

/** Needs a pack whose only content has no folder that the scan knows. */
const ferry: FakePack = {
  id: 'Ferry',
  name: 'Ferry Rides',
  currentVersion: '1.2.0',
  dependencies: { Harbor: { mandatory: true, minVersion: '1.0.0' }, Rest: { mandatory: false } },
};
const harbor: FakePack = {
  id: 'Harbor',
  currentVersion: '1.1.0',
  dependencies: { Fields: { mandatory: true } },
};
const fields: FakePack = { id: 'Fields', currentVersion: '3.0.0' };
const rest: FakePack = { id: 'Rest', currentVersion: '1.0.0' };
/** Needs a pack that is not there. */
const wreck: FakePack = {
  id: 'Wreck',
  currentVersion: '1.0.0',
  dependencies: { Sunken: { mandatory: true } },
};

function builtZip(pack: FakePack, image?: string): Buffer {
  const name = `Scripts/script-${pack.id}.yml`;
  return zipOf([
    { name: 'metadata.json', content: JSON.stringify(pack) },
    { name: 'IncidentFields/field.json', content: '{}' },
    ...(image === undefined
      ? []
      : [{ name, content: script(pack.id, 'type: python', `dockerimage: ${image}`) }]),
  ]);
}

const zips = {
  Ferry: builtZip(ferry, crypto),
  Harbor: builtZip(harbor, powershell),
  Fields: builtZip(fields),
};

interface Shop {
  readonly server: MarketplaceServer;
  readonly manifest: string;
  /** Where downloads go. */
  readonly env: Readonly<Record<string, string>>;
}

/** A marketplace beside a site, and a manifest with these entries of `packs`, the first in line 4. */
async function openShop(t: ExecutionContext, { at, host }: Site, packs: readonly string[]): Promise<Shop> {
  const server = await serveFiles(t, {
    'index.zip': indexOf([ferry, harbor, fields, rest, wreck]),
    'Ferry/1.2.0/Ferry.zip': zips.Ferry,
    'Harbor/1.1.0/Harbor.zip': zips.Harbor,
    'Fields/3.0.0/Fields.zip': zips.Fields,
    'Wreck/1.0.0/Wreck.zip': builtZip(wreck),
  });
  const manifest = at('shop.yml');
  const lines = [
    'schema: packferry.export/v1',
    'name: soc',
    'packs:',
    ...packs.map((entry) => `  - ${entry}`),
    `marketplace: { url: "${server.url}" }`,
    `registries: { docker.io: { mirrors: ["${host}"] } }`,
    '',
  ];
  await writeFile(manifest, lines.join('\n'));
  return { server, manifest, env: { XDG_CACHE_HOME: at('cache') } };
}

async function reportOf<Schema extends z.ZodType>(
  t: ExecutionContext,
  schema: Schema,
  argv: readonly string[],
  { env }: Pick<Shop, 'env'>,
): Promise<{ readonly report: z.infer<Schema>; readonly stderr: string }> {
  const ran = await runCli([...argv, '--json'], { env });
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  const value: unknown = JSON.parse(ran.stdout);
  const report = schema.parse(value);
  t.deepEqual<unknown, unknown>(report, value, 'the schema knows every field');
  return { report, stderr: ran.stderr };
}

test('packs of the marketplace are planned with what they need, carried, and written out byte for byte', async (t) => {
  await withSite(async (site) => {
    const { at, bundle, key, importing } = site;
    const shop = await openShop(t, site, ['marketplace: Ferry Rides', 'path: Packs']);

    const plan = await reportOf(t, planReport, ['plan', shop.manifest], shop);
    t.deepEqual(plan.report.packs, [
      { id: 'Ferry', version: '1.2.0' },
      { id: 'Fields', version: '3.0.0', requiredBy: ['Ferry', 'Harbor'] },
      { id: 'Harbor', version: '1.1.0', requiredBy: ['Ferry'] },
      { id: 'Sample', version: '1.0.0' },
    ]);
    const usersOf = (image: string): string[] =>
      plan.report.images
        .filter(({ reference }) => reference === `docker.io/${image}`)
        .flatMap(({ usedBy }) => usedBy.map(({ pack }) => pack));
    t.deepEqual(usersOf(python), ['Sample']);
    t.deepEqual(usersOf(crypto), ['Ferry', 'Sample']);
    t.deepEqual(usersOf(powershell), ['Harbor', 'Sample']);
    t.true((await readdir(at('cache', 'packferry', 'marketplace'))).length > 0);

    const exporting = ['export', shop.manifest, '-o', bundle, '--key', key, '--with-packs'];
    const written = await reportOf(t, exportReport, exporting, shop);
    t.deepEqual(written.report.packs, [
      { id: 'Ferry', version: '1.2.0' },
      { id: 'Fields', version: '3.0.0' },
      { id: 'Harbor', version: '1.1.0' },
    ]);
    t.regex(written.stderr, /warning: pack Sample is not carried: .*is source/);
    t.is((await reportOf(t, exportReport, exporting, shop)).report.status, 'present');
    t.is(shop.server.seen.filter((line) => line.includes('Ferry.zip')).length, 1, 'the cache serves reruns');

    t.is((await runCli(['verify', bundle, '--trusted-keys', site.trusted])).status, 0);
    const [to, out] = [[...importing, '--to', `oci:${at('target')}`], at('upload')];
    t.true((await runCli([...to, '--dry-run', '--packs-to', out])).stderr.includes('3 packs would be'));
    await t.throwsAsync(stat(out), { code: 'ENOENT' });
    const without = await reportOf(t, importReport, to, shop);
    t.false('packs' in without.report);
    t.true(without.stderr.includes('--packs-to'));

    const imported = await reportOf(t, importReport, [...to, '--packs-to', out], shop);
    const names = Object.keys(zips).sort();
    t.deepEqual(
      imported.report.packs,
      names.map((name) => path.join(out, `${name}.zip`)),
    );
    for (const [name, zip] of Object.entries(zips))
      t.deepEqual(await readFile(path.join(out, `${name}.zip`)), zip);
  });
});

test('a folder that cannot be written does not hide that the images are there', async (t) => {
  await withSite(async (site) => {
    const { at, bundle, key, importing } = site;
    const shop = await openShop(t, site, ['{ marketplace: Fields }', '{ path: Packs }']);
    await reportOf(
      t,
      exportReport,
      ['export', shop.manifest, '-o', bundle, '--key', key, '--with-packs'],
      shop,
    );
    await writeFile(at('file'), '');
    const importInto = (folder: string): ReturnType<typeof runCli> =>
      runCli([...importing, '--to', `oci:${at('target')}`, '--packs-to', folder, '--json']);
    const early = await importInto(at('file'));
    t.regex(early.stderr, /E_OUTPUT_UNWRITABLE.*file is no folder/);
    t.false(existsSync(at('target')), 'what can be seen before is said before');
    // A folder stands where a pack is to come.
    await mkdir(at('packs', 'Fields.zip', 'deep'), { recursive: true });
    const ran = await importInto(at('packs'));
    t.not(ran.status, 0);
    t.true(ran.stderr.includes(at('packs')));
    const { targets } = importReport.parse(JSON.parse(ran.stdout));
    t.true(targets[0]?.images.every(({ status }) => status === 'loaded'));
  });
});

test('bundle.packs carries packs without an option, and the plan says which', async (t) => {
  await withSite(async (site) => {
    const shop = await openShop(t, site, [
      '{ marketplace: Harbor, dependencies: none }',
      '{ path: given/*.zip }',
    ]);
    await mkdir(site.at('given'));
    await writeFile(site.at('given', 'Own.zip'), builtZip({ id: 'Own', currentVersion: '0.1.0' }));
    const text = await readFile(shop.manifest, 'utf8');
    await writeFile(shop.manifest, `${text}bundle: { packs: true }\n`);
    const { report, stderr } = await reportOf(t, planReport, ['plan', shop.manifest], shop);
    t.deepEqual(report.packs, [
      { id: 'Harbor', version: '1.1.0', carried: true },
      { id: 'Own', version: '0.1.0', carried: true },
    ]);
    t.true(stderr.includes('Carried: 2 of 2 packs'));
  });
});

test('unknown packs and versions come at once, each with the line that asks for it and what is near', async (t) => {
  await withSite(async (site) => {
    const entries = ['marketplace: Fery', '{ marketplace: Harbor, version: 9.9.9 }', 'xsoarConfig: x.json'];
    const shop = await openShop(t, site, entries);
    await writeFile(
      site.at('x.json'),
      JSON.stringify({ marketplace_packs: [{ id: 'Feilds', version: '*' }] }),
    );
    const ran = await runCli(['plan', shop.manifest, '--json'], { env: shop.env });
    t.is(ran.status, 2);
    const { error } = failureReport.parse(JSON.parse(ran.stdout));
    t.is(error.code, 'E_PACK_NOT_FOUND');
    const found = (error.errors ?? []).map(({ code, message, hint }) => ({
      code,
      place: /shop\.yml:([0-9]+:[0-9]+): /.exec(message)?.[1],
      near: /Ferry|1\.1\.0|Fields/.exec(hint ?? '')?.[0],
    }));
    t.deepEqual(found, [
      { code: 'E_PACK_NOT_FOUND', place: '4:18', near: 'Ferry' },
      { code: 'E_PACK_NOT_FOUND', place: '5:20', near: '1.1.0' },
      { code: 'E_PACK_NOT_FOUND', place: '6:18', near: 'Fields' },
    ]);
  });
});

test('what a pack of xsoar_config.json needs and nobody has is told with the line of the manifest and the chain', async (t) => {
  await withSite(async (site) => {
    const shop = await openShop(t, site, ['xsoarConfig: x.json']);
    await writeFile(site.at('x.json'), JSON.stringify({ marketplace_packs: [{ id: 'Wreck' }] }));
    const ran = await runCli(['plan', shop.manifest], { env: shop.env });
    t.is(ran.status, 2, ran.stderr);
    const place = `${shop.manifest}:4:18: ${site.at('x.json')}: `;
    t.true(
      ran.stderr.includes(`${place}no pack Sunken in the marketplace, but it is needed by Wreck`),
      ran.stderr,
    );
    const none = shop.manifest;
    await writeFile(none, (await readFile(none, 'utf8')).replace('x.json', 'x.json\n    dependencies: none'));
    const { report } = await reportOf(t, planReport, ['plan', none], shop);
    t.deepEqual(
      report.packs.map(({ id }) => id),
      ['Wreck'],
    );
  });
});

test('no marketplace is contacted when no entry asks for one', async (t) => {
  await withSite(async (site) => {
    const shop = await openShop(t, site, ['path: Packs']);
    await reportOf(t, planReport, ['plan', shop.manifest], shop);
    t.deepEqual(shop.server.seen, []);
  });
});

test('xsoar_config.json: custom packs are scanned, those behind an address must be downloaded first', async (t) => {
  await withSite(async (site) => {
    const shop = await openShop(t, site, ['xsoarConfig: x.json']);
    const write = (custom: readonly object[]): Promise<void> =>
      writeFile(
        site.at('x.json'),
        JSON.stringify({ marketplace_packs: [{ id: 'Harbor' }], custom_packs: custom }),
      );
    await writeFile(site.at('Own.zip'), builtZip({ id: 'Own', currentVersion: '0.1.0' }, python));
    await write([{ id: 'Own', url: 'Own.zip' }]);
    const { report } = await reportOf(t, planReport, ['plan', shop.manifest], shop);
    t.deepEqual(
      report.packs.map(({ id }) => id),
      ['Fields', 'Harbor', 'Own'],
    );
    t.is(report.totals.images, 2);

    await write([{ id: 'Own', url: 'https://packs.example/Own.zip' }]);
    const ran = await runCli(['plan', shop.manifest, '--json'], { env: shop.env });
    t.is(ran.status, 2);
    const { error } = failureReport.parse(JSON.parse(ran.stdout));
    t.is(error.code, 'E_MANIFEST_INVALID');
    t.true(
      error.message.includes('shop.yml:4:18') && error.message.includes('https://packs.example/Own.zip'),
    );
  });
});

test('--packs-to with a bundle that carries no packs says so, and speaks of no upload', async (t) => {
  await withImportSite(async (site) => {
    const image = composeImage({ files: [{ path: 'data', content: noise('data', 100) }] });
    const { dir } = await site.make('bundle', { 'docker.io/demisto/sample:1': image });
    const to = [
      '--to',
      `oci:${path.join(site.folder, 'images')}`,
      '--packs-to',
      path.join(site.folder, 'packs'),
    ];
    const ran = await runCli(['import', dir, '--trusted-keys', site.trusted, '--yes', ...to]);
    t.is(ran.status, 0, ran.stderr);
    t.regex(ran.stderr, /^The bundle carries no packs: nothing was written to /m);
    t.false(ran.stderr.includes('upload'), ran.stderr);
  });
});
