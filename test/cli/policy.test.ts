import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serveContent } from '../../src/registry/server.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import type { FailureReport } from '../../src/schema/reports.ts';
import type { LockReport } from '../../src/schema/reports-lock.ts';
import type { PlanReport } from '../../src/schema/reports-plan.ts';
import { packferry } from '../helpers/cli.ts';
import { folderWith } from '../helpers/pack-folder.ts';
import { MemoryContent, sampleImage, type SampleImage } from '../helpers/registry-images.ts';
import { writePack } from '../helpers/write-pack.ts';

interface Site {
  readonly folder: string;
  readonly manifest: string;
  readonly content: MemoryContent;
  readonly images: Readonly<Record<'python' | 'ml' | 'acme', SampleImage>>;
}

/** A registry with three images, a pack that needs them, and a manifest with these further lines. */
async function site(t: ExecutionContext, ...lines: readonly string[]): Promise<Site> {
  const images = {
    ...{
      python: sampleImage({ seed: 'p' }),
      ml: sampleImage({ seed: 'm' }),
      acme: sampleImage({ seed: 'a' }),
    },
  };
  const content = new MemoryContent()
    .image('demisto/python3', '3.12', images.python)
    .image('demisto/ml', '1.0', images.ml)
    .image('acme/tool', 'latest', images.acme);
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  const folder = await folderWith(t, {
    'soc.yml': [
      ...['schema: packferry.export/v1', 'name: soc', 'packs: [{path: "Packs/*"}]'],
      `registries: {docker.io: {mirrors: ["${server.host}"]}}`,
      ...lines,
      '',
    ].join('\n'),
  });
  await writePack(path.join(folder, 'Packs', 'P'), ['demisto/python3:3.12', 'demisto/ml:1.0', 'acme/tool']);
  return { folder, manifest: path.join(folder, 'soc.yml'), content, images };
}

/** A witness folder that knows python3 with this image ID. */
async function writeWitness({ folder }: Site, id: string): Promise<string> {
  const witness = path.join(folder, 'info');
  await mkdir(path.join(witness, 'demisto/python3'), { recursive: true });
  const text = `# \`demisto/python3:3.12\`\n\n- Image ID: \`${id}\`\n`;
  await writeFile(path.join(witness, 'demisto/python3/3.12.md'), text);
  return witness;
}

const idOf = (image: SampleImage): string =>
  (JSON.parse(image.manifest.bytes.toString()) as { config: { digest: string } }).config.digest;

test('plan shows findings, what is excluded, and what excluding would save', async (t) => {
  const { manifest, images } = await site(t, 'exclude: ["demisto/ml:*", "nothing/*"]');
  const { status, stdout, stderr } = await packferry(['plan', manifest, '--json']);
  t.is(status, 0, stderr);
  const report = JSON.parse(stdout) as PlanReport;
  t.deepEqual(
    report.images.map(({ reference, findings }) => [reference, findings.map(({ rule }) => rule)]),
    [
      ['docker.io/acme/tool:latest', ['latest', 'third-party']],
      ['docker.io/demisto/python3:3.12', []],
    ],
  );
  const [left] = report.excluded.images;
  t.like(left, { reference: 'docker.io/demisto/ml:1.0', pattern: 'demisto/ml:*' });
  const bytes =
    images.ml.manifest.bytes.length + images.ml.blobs.reduce((sum, { length }) => sum + length, 0);
  t.is(report.excluded.bytes, bytes);
  t.deepEqual(report.savings.map(({ exclude }) => exclude).sort(), ['acme/tool:*', 'demisto/python3:*']);
  t.true(stderr.includes(`${manifest}:5:27: exclude "nothing/*" matches no image`), stderr);
  t.true(stderr.includes('P/Integrations/Item2/Item2.yml:9: docker.io/acme/tool:latest: '), stderr);

  const table = await packferry(['plan', manifest]);
  t.regex(table.stdout, /^IMAGE +SIZE +SHARED +FROM +USED BY +FINDINGS/);
  t.regex(table.stdout, /acme\/tool.*latest, third-party/);
  t.regex(table.stderr, /Excluded: 1 image, /);
  t.regex(table.stderr, /exclude acme\/tool:\* saves /);
  const tree = await packferry(['plan', manifest, '--tree']);
  t.regex(tree.stdout, /^P 1\.0\.0\n {2}Item0 \(integration\)\n {4}docker\.io\/demisto\/python3:3\.12 \(/);
});

for (const [command, ...more] of [
  ['plan'],
  ['lock'],
  ['export', '-o', 'out', '--key', 'none'],
  ['export', '-o', 'out', '--dry-run'],
]) {
  test(`${[command, ...more].join(' ')} fails on what the policy forbids, all of it with its place`, async (t) => {
    const { folder, manifest } = await site(t, 'policy: {thirdParty: error, latest: error}');
    const { status, stderr } = await packferry([command ?? '', manifest, ...more], { cwd: folder });
    t.is(status, 4, stderr);
    t.true(stderr.includes('E_POLICY'), stderr);
    const place = 'P/Integrations/Item2/Item2.yml:9: docker.io/acme/tool:latest: ';
    t.is(stderr.split(place).length, 3, stderr);
    t.regex(stderr, /DO100[^]*DO101/);
  });
}

test('a bundle carries accepted findings, its expiry, and what the witness said', async (t) => {
  const here = await site(t, 'bundle: {expiresAfter: 90d}');
  const { folder, manifest, images } = here;
  const witness = await writeWitness(here, idOf(images.python));
  const key = path.join(folder, 'key');
  await packferry(['keygen', '-o', key, '--principal', 'x', '--no-passphrase']);
  const dir = path.join(folder, 'out');
  const args = ['export', manifest, '-o', dir, '--key', key, '--witness', witness];
  const env = { SOURCE_DATE_EPOCH: '1795400000' };
  const first = await packferry(args, { env });
  t.is(first.status, 0, first.stderr);
  const bundle = JSON.parse(await readFile(path.join(dir, 'bundle.json'), 'utf8')) as BundleDocument;
  t.is(Date.parse(bundle.expiresAt ?? '') - Date.parse(bundle.createdAt), 90 * 86_400_000);
  t.deepEqual(
    bundle.findings.map(({ rule, severity, reference }) => [rule, severity, reference]),
    [
      ['latest', 'warning', 'docker.io/acme/tool:latest'],
      ['third-party', 'warning', 'docker.io/acme/tool:latest'],
    ],
  );
  t.deepEqual(bundle.images.map(({ witness: said }) => said).sort(), ['absent', 'absent', 'agrees']);
  const again = await packferry(args, { env });
  t.is(again.status, 0, again.stderr);
  t.true(again.stderr.includes('already holds this bundle'), again.stderr);
});

test('a witness that knows another image stops everything', async (t) => {
  const here = await site(t);
  const witness = await writeWitness(here, `sha256:${'a'.repeat(64)}`);
  const plan = await packferry(['plan', here.manifest, '--witness', witness, '--json']);
  t.is(plan.status, 4, plan.stderr);
  const { images } = JSON.parse(plan.stdout) as PlanReport;
  t.deepEqual(images.map((image) => image.witness).sort(), ['absent', 'absent', 'disagrees']);
  const lock = await packferry(['lock', here.manifest, '--witness', witness, '--json']);
  t.is(lock.status, 4, lock.stderr);
  t.is((JSON.parse(lock.stdout) as FailureReport).error.code, 'E_DIGEST_MISMATCH');
  await t.throwsAsync(readFile(path.join(here.folder, 'packferry.lock.json')), { code: 'ENOENT' });
});

test('lock tells since when a tag has moved', async (t) => {
  const { manifest, content, images } = await site(t);
  const env = { SOURCE_DATE_EPOCH: '1793500000' };
  t.is((await packferry(['lock', manifest], { env })).status, 0);
  const fresh = sampleImage({ seed: 'other' });
  content.image('demisto/ml', '1.0', fresh);
  const check = await packferry(['lock', manifest, '--check', '--json']);
  t.is(check.status, 2, check.stderr);
  const date = new Date(1_793_500_000_000).toISOString().slice(0, 10);
  t.true(check.stderr.includes(`docker.io/demisto/ml:1.0 has moved since ${date}`), check.stderr);
  const moved = (JSON.parse(check.stdout) as LockReport).images.filter(({ status }) => status === 'moved');
  t.deepEqual(
    moved.map(({ reference, manifest: now, before }) => [reference, now, before?.manifest]),
    [['docker.io/demisto/ml:1.0', fresh.manifest.descriptor.digest, images.ml.manifest.descriptor.digest]],
  );
});
