import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { ExportReport } from '../../src/schema/reports.ts';
import type { PlanReport } from '../../src/schema/reports-plan.ts';
import type { OutdatedReport } from '../../src/schema/reports-tags.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran, type RunOptions } from '../helpers/cli-run.ts';
import { withSite, writeKey } from '../helpers/cli-site.ts';
import { descriptorOf, jsonBytes, sampleImage } from '../helpers/registry-images.ts';
import { writePack } from '../helpers/write-pack.ts';

const custom = 'localhost/custom:1';

function ok(t: ExecutionContext, ran: Ran): Ran {
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return ran;
}

async function json<T>(t: ExecutionContext, argv: readonly string[], options: RunOptions = {}): Promise<T> {
  return JSON.parse(ok(t, await runCli([...argv, '--json'], options)).stdout) as T;
}

test('images of a pack come from a layout folder beside the manifest; plan, lock, export and outdated say so', async (t) => {
  await withFolder(async (folder) => {
    const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
    await writeOciLayout(at('layout'), sampleImagesFor([custom]));
    await writePack(at('Packs', 'OnSite'), [custom]);
    await writeFile(
      at('m.yml'),
      'schema: packferry.export/v1\nname: site\npacks: [{path: Packs}]\nimages: [{pattern: "localhost/*", from: "oci:layout"}, {pattern: "x/*", from: "docker:"}]\n',
    );
    await writeKey(at('key'), at('trusted'));
    const planned = ok(t, await runCli(['plan', at('m.yml')]));
    t.regex(planned.stdout, /^IMAGE .* FROM /);
    t.regex(planned.stdout, /localhost\/custom:1 .* oci:layout /);
    t.true(planned.stderr.includes(`${at('m.yml')}:4:66: pattern "x/*" matches no image`), planned.stderr);

    const written = await json<ExportReport>(t, ['export', at('m.yml'), '-o', at('out'), '--key', at('key')]);
    t.is(written.totals.images, 1);
    t.deepEqual(written.images, [{ reference: custom, source: 'oci:layout' }]);
    const document = JSON.parse(await readFile(at('out', 'bundle.json'), 'utf8')) as BundleDocument;
    t.is(document.images[0]?.source, 'oci:layout', 'no path of this machine travels');

    ok(t, await runCli(['lock', at('m.yml')]));
    const again = ['export', at('m.yml'), '-o', at('again'), '--key', at('key'), '--frozen-lock'];
    t.is((await json<ExportReport>(t, again)).status, 'written');

    const outdated = await json<OutdatedReport>(t, ['outdated', at('m.yml')]);
    t.like(outdated.images[0], {
      ...{ reference: custom, status: 'not comparable', source: 'oci:layout' },
      reason: 'oci:layout keeps no list of tags',
    });
    t.is(outdated.images[0]?.exists, undefined);
  });
});

test('an export says which source has given each image, in its report and in its summary', async (t) => {
  await withSite(async ({ at, host, key }) => {
    await writeOciLayout(at('custom'), sampleImagesFor([custom]));
    const images = `["demisto/crypto:1.0.0.1", {reference: "${custom}", from: "oci:custom"}]`;
    const mirror = `registries: { docker.io: { mirrors: ["${host}"] } }`;
    await writeFile(at('m.yml'), `schema: packferry.export/v1\nname: both\nimages: ${images}\n${mirror}\n`);
    const argv = ['export', at('m.yml'), '-o', at('out'), '--key', key];
    const { stderr } = ok(t, await runCli(argv));
    const crypto = 'docker.io/demisto/crypto:1.0.0.1';
    t.true(stderr.includes(`1 image from registry://${host}: ${crypto}.`), stderr);
    t.true(stderr.includes(`1 image from oci:custom: ${custom}.`), stderr);
    const again = await json<ExportReport>(t, argv);
    t.is(again.status, 'present');
    t.deepEqual(again.images, [
      { reference: crypto, source: `registry://${host}` },
      { reference: custom, source: 'oci:custom' },
    ]);
  });
});

test('a lock names an image of a layout folder that is another one now', async (t) => {
  await withFolder(async (folder) => {
    const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
    const [old, fresh] = [sampleImagesFor([custom]), sampleImagesFor([custom, 'localhost/other:2'])];
    await writeOciLayout(at('layout'), old);
    await writeKey(at('key'), at('trusted'));
    await writeFile(
      at('m.yml'),
      `schema: packferry.export/v1\nname: site\nimages: [{reference: "${custom}", from: "oci:layout"}]\n`,
    );
    ok(t, await runCli(['lock', at('m.yml')]));
    await writeOciLayout(
      at('layout2'),
      fresh.slice(1).map(({ image }) => ({ reference: custom, image })),
    );
    await writeFile(
      at('m.yml'),
      `schema: packferry.export/v1\nname: site\nimages: [{reference: "${custom}", from: "oci:layout2"}]\n`,
    );
    const argv = ['export', at('m.yml'), '-o', at('out'), '--key', at('key'), '--frozen-lock'];
    const ran = await runCli(argv);
    t.is(ran.status, 5, ran.stderr);
    t.regex(ran.stderr, /localhost\/custom:1: oci:layout no longer serves sha256:/);
  });
});

test('a bundle is a source of images: its names count when a trusted key has signed it', async (t) => {
  await withSite(async ({ at, exporting, bundle, trusted, key }) => {
    ok(t, await runCli(exporting));
    await writeFile(
      at('m.yml'),
      'schema: packferry.export/v1\nname: again\nimages: [{reference: demisto/crypto:1.0.0.1, from: "bundle:bundle"}]\n',
    );
    const plan = ['plan', at('m.yml')];
    const nobody = await runCli(plan);
    t.is(nobody.status, 2, nobody.stderr);
    t.regex(nobody.stderr, /is not believed what its names stand for: no trusted keys/);
    t.regex(nobody.stderr, /--trusted-keys FILE/);
    await writeKey(at('other'), at('others'));
    const other = await runCli([...plan, '--trusted-keys', at('others')]);
    t.is(other.status, 4, other.stderr);
    t.regex(other.stderr, /E_SIGNER_UNTRUSTED/);

    const trust = ['--trusted-keys', trusted];
    const report = await json<PlanReport>(t, [...plan, ...trust]);
    t.like(report.images[0], { reference: 'docker.io/demisto/crypto:1.0.0.1', source: 'bundle:bundle' });
    ok(t, await runCli(['lock', at('m.yml'), ...trust]));
    const frozen = ['export', at('m.yml'), '-o', at('out'), '--key', key, '--frozen-lock'];
    t.is((await json<ExportReport>(t, frozen)).status, 'written', 'the lock has the digest: nobody is asked');
    ok(t, await runCli(['verify', at('out'), ...trust]));
    t.truthy(bundle);
  });
});

/** A layout folder with one image whose manifest calls its layers zstd; nobody here looks into them. */
async function writeZstdLayout(dir: string): Promise<void> {
  const layers = ['one', 'two'].map((name) => Buffer.from(`28b52ffd ${name}`));
  const image = sampleImage({
    editConfig: (config) => {
      const diffIds = ['layer one', 'layer two'].map((text) => digestOf(Buffer.from(text)));
      config['rootfs'] = { type: 'layers', diff_ids: diffIds };
    },
    editManifest: (manifest) => {
      manifest['layers'] = layers.map((layer) => descriptorOf(mediaTypes.ociLayerZstd, layer));
    },
  });
  const blobs = path.join(dir, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const bytes of [image.manifest.bytes, ...image.blobs, ...layers]) {
    await writeFile(path.join(blobs, hexOf(digestOf(bytes))), bytes);
  }
  const annotations = { 'org.opencontainers.image.ref.name': custom };
  const manifests = [{ ...image.manifest.descriptor, annotations }];
  await writeFile(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(path.join(dir, 'index.json'), jsonBytes({ schemaVersion: 2, manifests }));
}

test('layers in zstd are a finding of plan, dry run and bundle, and an error where the policy says so', async (t) => {
  await withFolder(async (folder) => {
    const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
    await writeZstdLayout(at('layout'));
    await writeKey(at('key'), at('trusted'));
    const manifest = async (name: string, zstd: string): Promise<string> => {
      const text = `schema: packferry.export/v1\nname: site\nimages: [{reference: "${custom}", from: "oci:layout"}]\npolicy: {thirdParty: allow, zstd: ${zstd}}\n`;
      await writeFile(at(name), text);
      return at(name);
    };
    const warn = await manifest('warn.yml', 'warn');
    const planned = ok(t, await runCli(['plan', warn]));
    t.regex(planned.stdout, /localhost\/custom:1 .* zstd$/m);
    t.regex(
      planned.stderr,
      /warning: warn\.yml:3: localhost\/custom:1: 2 of 2 layers .* zstd.* Docker before 23/,
    );
    const exporting = ['export', warn, '-o', at('out'), '--key', at('key')];
    const dry = await json<PlanReport>(t, [...exporting, '--dry-run']);
    t.deepEqual(
      dry.images[0]?.findings.map(({ rule }) => rule),
      ['zstd'],
    );
    ok(t, await runCli(exporting));
    const document = JSON.parse(await readFile(at('out', 'bundle.json'), 'utf8')) as BundleDocument;
    t.deepEqual(
      document.findings.map(({ rule, severity }) => [rule, severity]),
      [['zstd', 'warning']],
    );
    ok(t, await runCli(['verify', at('out'), '--trusted-keys', at('trusted')]));

    const forbidden = await manifest('error.yml', 'error');
    for (const argv of [['plan'], ['lock'], ['export', '-o', at('no'), '--key', at('key')]]) {
      const [command = '', ...more] = argv;
      const ran = await runCli([command, forbidden, ...more]);
      t.is(ran.status, 4, ran.stderr);
      t.regex(ran.stderr, /E_POLICY.*zstd/);
    }
    const quiet = ok(t, await runCli(['plan', await manifest('ignore.yml', 'ignore')]));
    t.notRegex(quiet.stdout + quiet.stderr, /zstd/);
  });
});
