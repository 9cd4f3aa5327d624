import { chmod, chown, mkdir, mkdtemp, open, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { bundleProgram } from '../../bin/importer/bundle-program.ts';
import { makeImporter, type Importer } from '../../bin/importer/make-importer.ts';
import { openImporter } from '../../src/bundle/importer-file.ts';
import type { ExportReport, ImportReport, VerifyReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { projectRoot } from '../helpers/cli.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { execTool, type ExecOptions, type ExecResult } from '../helpers/system-exec.ts';
import { needing } from '../helpers/system-tools.ts';

const name = 'packferry-linux-x64';
/** A user that no machine knows: without a name, without a home. */
const nobody = 54321;

let folder: string;
let making: Promise<Importer> | undefined;

test.before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'packferry-importer-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** The importer, made once for all tests of this file. */
function importer(): Promise<Importer> {
  making ??= make('first');
  return making;
}

function make(place: string): Promise<Importer> {
  const file = path.join(folder, place, name);
  return makeImporter({ root: projectRoot, node: process.execPath, file, strip: true });
}

/** Runs the importer of a bundle where there is nothing else: no PATH, no environment at all. */
type Run = (args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

/** Runs with a site whose bundle carries the importer. */
async function withCarried(
  t: ExecutionContext,
  use: (site: Site, run: Run, report: ExportReport) => Promise<void>,
): Promise<void> {
  const { file } = await importer();
  await withSite(async (site) => {
    const { status, stdout, stderr } = await runCli([...site.exporting, '--with-importer', file, '--json']);
    t.is(status, 0, stderr);
    const run: Run = (args, options = {}) =>
      execTool(path.join(site.bundle, name), args, { cwd: '/', ...options, env: {} });
    await use(site, run, JSON.parse(stdout) as ExportReport);
  });
}

function ok(t: ExecutionContext, { status, stdout, stderr }: ExecResult): string {
  t.is(status, 0, stdout + stderr);
  return stdout;
}

test('the program in the importer is the same text wherever its sources lie', async (t) => {
  const tool = { name: 'packferry', version: '1.2.3' };
  const here = await bundleProgram(projectRoot, tool);
  t.true(here.packages.includes('node_modules/dockerode'));
  t.false(
    here.packages.some((one) => /grpc|protobufjs/.test(one)),
    'nothing that is never called',
  );
  t.false(here.text.includes(projectRoot), 'no path of this machine');
  await withFolder(async (elsewhere) => {
    for (const one of ['bin', 'src', 'node_modules', 'package.json', 'tsconfig.json']) {
      await symlink(path.join(projectRoot, one), path.join(elsewhere, one));
    }
    t.true((await bundleProgram(elsewhere, tool)).text === here.text);
  });
});

test.serial(
  'the importer is one program with its licences, and the same bytes each time',
  needing(['linux-x64'], async (t) => {
    const first = await importer();
    const { entry } = await openImporter(first.file);
    t.like(entry, { size: first.bytes, sha256: first.sha256 });
    t.deepEqual((await readdir(path.dirname(first.file))).sort(), [name, `${name}.licences.txt`]);
    t.is((await make('second')).sha256, first.sha256);
    await rm(path.join(folder, 'second'), { recursive: true });

    const licences = ok(t, await execTool(first.file, ['--licences'], { env: {} }));
    for (const word of ['Node.js v', 'zod ', 'ssh2 ', 'Apache License'])
      t.true(licences.includes(word), word);
  }),
);

test.serial(
  'the importer in a bundle verifies it and imports it, without Node, PATH and environment',
  needing(['linux-x64'], async (t) => {
    await withCarried(t, async ({ bundle, trusted, state, at }, run, exported) => {
      const keys = ['--trusted-keys', trusted, '--state', state];
      const verified = await run(['verify', bundle, ...keys, '--json']);
      const report = JSON.parse(ok(t, verified)) as VerifyReport;
      t.is(verified.stderr.includes('Warning'), false, verified.stderr);
      t.is(report.importers[0]?.sha256, exported.importers[0]?.sha256);
      t.is(report.importers[0]?.sha256, (await importer()).sha256);

      const out = at('images');
      const imported = await run(['import', bundle, ...keys, '--to', `oci:${out}`, '--json']);
      const [target] = (JSON.parse(ok(t, imported)) as ImportReport).targets;
      t.deepEqual(new Set(target?.images.map(({ status }) => status)), new Set(['loaded']));
      t.is(target?.images.length, siteReferences.length);
      t.true((await readdir(out)).includes('index.json'));
      const debug = await run(['verify', at('none'), ...keys, '--debug']);
      t.is(debug.status, 4, debug.stderr);
      t.regex(debug.stderr, /E_BUNDLE_NOT_FOUND/);
    });
  }),
);

test.serial(
  'the importer runs from a folder that cannot be written, for a user without name and home',
  needing(['linux-x64', 'root'], async (t) => {
    await withCarried(t, async ({ folder: site, bundle, trusted, at, manifest }, run) => {
      const [out, state] = [at('out'), at('own-state')];
      for (const own of [out, state]) {
        await mkdir(own);
        await chown(own, nobody, nobody);
      }
      for (const [dir, mode] of [
        [site, 0o755],
        [bundle, 0o555],
      ] as const)
        await chmod(dir, mode);
      const keys = ['--trusted-keys', trusted, '--state', state];
      ok(t, await run(['import', bundle, ...keys, '--to', `oci:${out}`], { uid: nobody, cwd: bundle }));
      t.true((await readdir(out)).includes('index.json'));
      ok(t, await run(['plan', manifest], { uid: nobody }));
      const made = ok(t, await run(['keygen', '-o', at('out', 'key'), '--no-passphrase'], { uid: nobody }));
      t.regex(made, new RegExp(`^uid-${nobody}@`));
      const { status, stderr } = await run(['verify', bundle], { uid: nobody });
      t.is(status, 2);
      t.regex(stderr, /no trusted keys/);
    });
  }),
);

test.serial(
  'the importer exports too, and carries itself',
  needing(['linux-x64'], async (t) => {
    await withCarried(t, async ({ at, key, manifest }, run, exported) => {
      const exportingIt = ['export', manifest, '-o', at('again'), '--key', key, '--with-importer', '--json'];
      const report = JSON.parse(ok(t, await run(exportingIt))) as ExportReport;
      t.deepEqual(report.importers, exported.importers);
      t.deepEqual(report.archives, exported.archives);
    });
  }),
);

test.serial(
  'the importer loads its bundle into Docker',
  needing(['linux-x64', 'dockerd', 'docker', 'root'], async (t) => {
    await withCarried(t, async ({ bundle, trusted, state }, run) => {
      await withDockerd(async (dockerd) => {
        const to = `docker:unix://${dockerd.socket}`;
        const keys = ['--trusted-keys', trusted, '--state', state];
        const importing = ['import', bundle, ...keys, '--to', to, '--json'];
        for (const expected of ['loaded', 'present']) {
          const [target] = (JSON.parse(ok(t, await run(importing))) as ImportReport).targets;
          t.deepEqual(
            target?.images.map(({ status }) => status),
            [expected, expected, expected],
          );
        }
        for (const reference of siteReferences)
          ok(t, await dockerd.run(['inspect', `docker.io/${reference}`]));
      });
    });
  }),
);

test.serial(
  'one byte changed in the importer is found by name: by packferry, and by the stock tools',
  needing(['linux-x64'], async (t) => {
    await withCarried(t, async ({ bundle, trusted }) => {
      const file = await open(path.join(bundle, name), 'r+');
      await file.write(Buffer.from('!'), 0, 1, 50_000_000);
      await file.close();
      const verified = await runCli(['verify', bundle, '--trusted-keys', trusted]);
      t.is(verified.status, 4);
      t.regex(verified.stderr, /E_DIGEST_MISMATCH.*packferry-linux-x64/);
      const checked = await execTool('sha256sum', ['-c', 'SHA256SUMS'], { cwd: bundle });
      t.not(checked.status, 0);
      t.regex(checked.stdout, /^packferry-linux-x64: FAILED$/m);
    });
  }),
);
