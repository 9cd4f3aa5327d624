import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test from 'ava';
import type { ExportReport, InspectReport, VerifyReport } from '../../../src/schema/reports.ts';
import { runCli } from '../../helpers/cli-run.ts';
import { withSite } from '../../helpers/cli-site.ts';
import { writeStandIn } from '../../helpers/importer-file.ts';

test('export tells the hash of the importer, for the other way; verify and inspect show it', async (t) => {
  await withSite(async ({ at, bundle, exporting, trusted }) => {
    const file = await writeStandIn(at('importer'));
    const sha256 = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    const written = await runCli([...exporting, '--with-importer', file]);
    t.is(written.status, 0, written.stderr);
    t.true(written.stderr.includes(sha256), written.stderr);
    t.regex(written.stderr, /on another way/);
    t.regex(written.stderr, /importer of packferry 1\.2\.3, this is 0\.0\.0-test/);

    const again = await runCli([...exporting, '--with-importer', file, '--json']);
    t.is(again.status, 0, again.stderr);
    const report = JSON.parse(again.stdout) as ExportReport;
    t.is(report.status, 'present');
    t.like(report.importers, [
      { file: 'packferry-linux-x64', platform: 'linux-x64', version: '1.2.3', sha256 },
    ]);

    for (const [command, more] of [
      ['verify', ['--trusted-keys', trusted]],
      ['inspect', []],
    ] as const) {
      const shown = await runCli([command, bundle, ...more]);
      t.is(shown.status, 0, shown.stderr);
      t.true(shown.stderr.includes(sha256), shown.stderr);
      const { stdout } = await runCli([command, bundle, ...more, '--json']);
      t.deepEqual((JSON.parse(stdout) as VerifyReport | InspectReport).importers, report.importers);
    }
  });
});

test('without the importer it is another bundle, and the one that is there stays', async (t) => {
  await withSite(async ({ at, exporting }) => {
    const file = await writeStandIn(at('importer'));
    t.is((await runCli([...exporting, '--with-importer', file])).status, 0);
    const { status, stderr } = await runCli(exporting);
    t.is(status, 2);
    t.regex(stderr, /E_OUTPUT_EXISTS/);
  });
});

test('a manifest can ask for the importer that was made here', async (t) => {
  await withSite(async ({ at, host, key, bundle, manifestFor }) => {
    const importerFile = await writeStandIn(at('importer'));
    const manifest = await manifestFor('with.yml', host, 'bundle: { importer: [linux-x64] }\n');
    const exporting = ['export', manifest, '-o', bundle, '--key', key, '--json'];
    const { status, stdout, stderr } = await runCli(exporting, { importerFile });
    t.is(status, 0, stderr);
    t.is((JSON.parse(stdout) as ExportReport).importers.length, 1);
    const none = await manifestFor('without.yml', host, 'bundle: { importer: [] }\n');
    t.is((await runCli(['export', none, '-o', at('none'), '--key', key])).status, 0);
  });
});

test('an importer that was not made is missed before any registry is asked', async (t) => {
  await withSite(async ({ at, key, bundle, manifestFor }) => {
    // Nobody listens there.
    const manifest = await manifestFor('dead.yml', '127.0.0.1:1');
    for (const more of [[], ['--dry-run']]) {
      const exporting = ['export', manifest, '-o', bundle, '--key', key, '--with-importer', ...more];
      const { status, stderr } = await runCli(exporting, { importerFile: at('not-made') });
      t.is(status, 2, stderr);
      t.regex(stderr, /E_IMPORTER_UNUSABLE.*not-made/);
      t.regex(stderr, /npm run importer/);
    }
  });
});
