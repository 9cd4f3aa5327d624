import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import type { ExportReport, ImportReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { packferry } from '../helpers/cli.ts';
import { writePack } from '../helpers/write-pack.ts';
import { buildAndPush, type BuiltImage } from '../helpers/system-builds.ts';
import { withDockerd, type Dockerd } from '../helpers/system-dockerd.ts';
import { execOk, execTool, type ExecResult } from '../helpers/system-exec.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing, systemTools, type Need } from '../helpers/system-tools.ts';

const needs: readonly Need[] = [
  'dockerd',
  'docker',
  'docker-registry',
  'busybox',
  'ssh-keygen',
  'skopeo',
  'podman',
  'root',
];

/** At least eight images, in three families that share layers. */
const references = [
  'demisto/python3:3.12.13.11694875',
  'demisto/python3:3.11.10.115186',
  'demisto/python:2.7.18.76921',
  'demisto/py3-tools:1.0.0.10404775',
  'demisto/crypto:1.0.0.10120494',
  'demisto/powershell:7.5.0.9017890',
  'demisto/powershell-ubuntu:7.5.0.1',
  'devdemisto/powershell:7.6.0.4073794',
  'demisto/netutils:1.0.0.1',
];

interface Exported {
  readonly folder: string;
  readonly dir: string;
  readonly trusted: string;
  readonly built: readonly BuiltImage[];
}

/** On the connected machine: images are built and pushed, a pack that uses them is exported. */
async function exportOnConnectedSide(t: ExecutionContext, folder: string): Promise<Exported> {
  return withDockerRegistry(async (registry) => {
    const built = await withDockerd((connected) =>
      buildAndPush(connected, registry.host, references, path.join(folder, 'build')),
    );
    await writePack(path.join(folder, 'Packs', 'Everything'), references);
    const manifest = path.join(folder, 'soc.yml');
    await writeFile(
      manifest,
      `schema: packferry.export/v1\nname: soc\npacks:\n  - path: Packs\nregistries:\n  docker.io: { mirrors: ["${registry.host}"] }\n`,
    );
    const key = path.join(folder, 'key');
    const trusted = path.join(folder, 'allowed_signers');
    const made = await packferry(['keygen', '-o', key, '--principal', 'builder', '--no-passphrase']);
    t.is(made.status, 0, made.stderr);
    await writeFile(trusted, made.stdout);

    const dir = path.join(folder, 'bundle');
    const exported = await packferry(['export', manifest, '-o', dir, '--key', key, '--json']);
    t.is(exported.status, 0, exported.stderr);
    const report = JSON.parse(exported.stdout) as ExportReport;
    t.is(report.totals.images, references.length);
    t.true(report.totals.bytesShared > report.totals.bytes, 'most bytes are shared');

    const again = await packferry(['export', manifest, '-o', dir, '--key', key, '--json']);
    t.is(again.status, 0, again.stderr);
    t.is((JSON.parse(again.stdout) as ExportReport).status, 'present');

    const twin = path.join(folder, 'twin');
    const second = await packferry(['export', manifest, '-o', twin, '--key', key, '-j', '1']);
    t.is(second.status, 0, second.stderr);
    const archives = [dir, twin].map((place) => readFile(path.join(place, 'images-001.tar')));
    const [one, two] = await Promise.all(archives);
    t.true(one !== undefined && two !== undefined && one.equals(two), 'two exports give the same archive');
    return { folder, dir, trusted, built };
  });
}

function ok(t: ExecutionContext, result: ExecResult): string {
  t.is(result.status, 0, result.stdout + result.stderr);
  return result.stdout;
}

/** The engine holds every image under its full name and ID, and what it runs prints the expected line. */
async function holdsAll(t: ExecutionContext, dockerd: Dockerd, built: readonly BuiltImage[]): Promise<void> {
  for (const { reference, id } of built) {
    const held = ok(t, await dockerd.run(['inspect', '--format', '{{.Id}}', `docker.io/${reference}`]));
    t.is(held.trim(), id, reference);
  }
  for (const { reference, line } of built.slice(0, 2)) {
    const said = ok(t, await dockerd.run(['run', '--rm', '--network', 'none', `docker.io/${reference}`]));
    t.is(said.trim(), line);
  }
}

async function checkWithStockTools(
  t: ExecutionContext,
  { folder, dir, trusted, built }: Exported,
): Promise<void> {
  const sums = await readFile(path.join(dir, 'SHA256SUMS'));
  const verify = [
    '-Y',
    'verify',
    '-f',
    trusted,
    '-I',
    'builder',
    '-n',
    'bundle@packferry',
    '-s',
    'SHA256SUMS.sig',
  ];
  ok(t, await execTool('ssh-keygen', verify, { cwd: dir, input: sums }));
  ok(t, await execTool('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: dir }));

  const archive = path.join(dir, 'images-001.tar');
  for (const { reference } of built) {
    const out = await execOk('skopeo', [
      'inspect',
      '--config',
      `docker-archive:${archive}:docker.io/${reference}`,
    ]);
    t.truthy((JSON.parse(out) as { rootfs?: unknown }).rootfs);
  }
  await withPodman(folder, async (podman) => {
    ok(t, await podman(['load', '-i', archive]));
    const listed = ok(
      t,
      await podman(['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.Id}}']),
    );
    for (const { reference, id } of built) {
      t.true(
        listed.split('\n').includes(`docker.io/${reference} ${id.replace('sha256:', '')}`),
        `${reference} in podman:\n${listed}`,
      );
    }
  });
  await withDockerd(async (dockerd) => {
    ok(t, await dockerd.run(['load', '-i', archive]));
    await holdsAll(t, dockerd, built);
  });
}

/** Podman with a store of its own. */
async function withPodman(
  folder: string,
  use: (podman: (args: readonly string[]) => Promise<ExecResult>) => Promise<void>,
): Promise<void> {
  const own = [
    '--root',
    path.join(folder, 'podman'),
    '--runroot',
    path.join(folder, 'podman-run'),
    '--storage-driver',
    'vfs',
  ];
  const podman = (args: readonly string[]): Promise<ExecResult> =>
    execTool(systemTools().path('podman'), [...own, ...args]);
  try {
    await use(podman);
  } finally {
    await podman(['rmi', '--all', '--force']);
  }
}

/** load.sh on a fresh engine: it refuses what it should, then loads. */
async function loadWithScript(t: ExecutionContext, { dir, trusted, built }: Exported): Promise<void> {
  await withDockerd(async (dockerd) => {
    const script = path.join(dir, 'load.sh');
    const env = { ...process.env, DOCKER_HOST: `unix://${dockerd.socket}` };
    const stranger = await execTool('sh', [script, trusted, 'somebody-else'], { env });
    t.is(stranger.status, 4, stranger.stderr);
    await writeFile(path.join(dir, 'zz.tar'), 'x');
    const extra = await execTool('sh', [script, trusted, 'builder'], { env });
    t.is(extra.status, 4, extra.stderr);
    t.true(extra.stderr.includes('zz.tar'));
    await execOk('rm', [path.join(dir, 'zz.tar')]);
    t.is((await dockerd.run(['images', '--quiet'])).stdout, '', 'nothing was loaded so far');
    ok(t, await execTool('sh', [script, trusted, 'builder'], { env }));
    await holdsAll(t, dockerd, built);
  });
}

/** On the closed server: the bundle and the trusted key are all there is. */
async function importOnClosedSide(
  t: ExecutionContext,
  { folder, dir, trusted, built }: Exported,
): Promise<void> {
  await withDockerd(async (closed) => {
    const to = ['--to', `docker:unix://${closed.socket}`, '--trusted-keys', trusted, '--json'];
    const importing = async (...more: string[]): Promise<ImportReport> => {
      const result = await packferry(['import', dir, ...to, ...more]);
      return JSON.parse(ok(t, result)) as ImportReport;
    };
    const statuses = (report: ImportReport): string[] => [
      ...new Set(report.targets.flatMap(({ images }) => images.map(({ status }) => status))),
    ];

    t.deepEqual(statuses(await importing('--dry-run')), ['pending']);
    t.is((await closed.run(['images', '--quiet'])).stdout, '', 'a dry run loads nothing');

    await refusals(t, { folder, dir, trusted, closed });

    t.deepEqual(statuses(await importing()), ['loaded']);
    await holdsAll(t, closed, built);
    const again = await packferry([
      'import',
      dir,
      '--to',
      `docker:unix://${closed.socket}`,
      '--trusted-keys',
      trusted,
    ]);
    ok(t, again);
    t.true(again.stderr.includes('already present'), again.stderr);
    t.deepEqual(statuses(await importing()), ['present']);

    await tagConflict(t, { dir, trusted, closed, built });
  });
}

/** A bundle that was tampered with, or signed by a stranger, loads nothing. */
async function refusals(
  t: ExecutionContext,
  { folder, dir, trusted, closed }: { folder: string; dir: string; trusted: string; closed: Dockerd },
): Promise<void> {
  const to = ['--to', `docker:unix://${closed.socket}`];
  const archive = path.join(dir, 'images-001.tar');
  const good = await readFile(archive);
  const bad = Buffer.from(good);
  const at = Math.floor(bad.length * 0.6);
  bad[at] = (bad[at] ?? 0) ^ 1;
  await writeFile(archive, bad);
  const flipped = await packferry(['import', dir, ...to, '--trusted-keys', trusted]);
  t.is(flipped.status, 4, flipped.stderr);
  t.true(flipped.stderr.includes('images-001.tar'));
  await writeFile(archive, good);

  const strangers = path.join(folder, 'strangers');
  const made = await packferry([
    'keygen',
    '-o',
    path.join(folder, 'other-key'),
    '--principal',
    'other',
    '--no-passphrase',
  ]);
  await writeFile(strangers, made.stdout);
  const untrusted = await packferry(['import', dir, ...to, '--trusted-keys', strangers]);
  t.is(untrusted.status, 4, untrusted.stderr);
  t.true(untrusted.stderr.includes('E_SIGNER_UNTRUSTED'), untrusted.stderr);

  t.is((await closed.run(['images', '--quiet', '--all'])).stdout, '', 'the engine holds nothing');
}

/** A name that stands for another image there is not moved. */
async function tagConflict(
  t: ExecutionContext,
  {
    dir,
    trusted,
    closed,
    built,
  }: { dir: string; trusted: string; closed: Dockerd; built: readonly BuiltImage[] },
): Promise<void> {
  const [one, two] = built;
  if (one === undefined || two === undefined) throw new Error('no images');
  ok(t, await closed.run(['rmi', `docker.io/${one.reference}`]));
  ok(t, await closed.run(['tag', `docker.io/${two.reference}`, `docker.io/${one.reference}`]));
  const refused = await packferry([
    'import',
    dir,
    '--to',
    `docker:unix://${closed.socket}`,
    '--trusted-keys',
    trusted,
  ]);
  t.is(refused.status, 6, refused.stderr);
  t.true(refused.stderr.includes('E_TAG_CONFLICT') && refused.stderr.includes(one.reference), refused.stderr);
  const held = await closed.run(['inspect', '--format', '{{.Id}}', `docker.io/${one.reference}`]);
  t.is(held.stdout.trim(), two.id, 'the name still stands for what it stood for');
}

test.serial(
  'images that Docker built and pushed are exported, checked by stock tools, imported elsewhere, and run there',
  needing(needs, async (t) => {
    t.timeout(240_000);
    await withFolder(async (folder) => {
      const exported = await exportOnConnectedSide(t, folder);
      await checkWithStockTools(t, exported);
      await loadWithScript(t, exported);
      await importOnClosedSide(t, exported);
    });
  }),
);
