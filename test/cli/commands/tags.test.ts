import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {
  OutdatedReport,
  SearchReport,
  UpdateReport,
  UsageReport,
} from '../../../src/schema/reports-tags.ts';
import { packferry } from '../../helpers/cli.ts';
import { metadataFiles } from '../../helpers/metadata-folder.ts';
import { folderWith, script } from '../../helpers/pack-folder.ts';
import { serveBuilds } from '../../helpers/registry-builds.ts';

const builds = { 'demisto/tools': { '1.0.0.1': '3.12.1', '1.0.0.2': '3.12.1' } };

test('usage: a table, a report, and status 0 when nothing uses the image', async (t) => {
  const root = await folderWith(t, {
    'Scripts/S.yml': script('S', 'type: python', 'dockerimage: demisto/x:1'),
  });
  const found = await packferry(['usage', 'demisto/x', root]);
  t.is(found.status, 0, found.stderr);
  t.regex(found.stdout, /docker\.io\/demisto\/x:1 +.* script +S +\S*Scripts\/S\.yml:7:14/);
  const none = await packferry(['usage', 'demisto/x:latest', root]);
  t.is(none.status, 0, none.stderr);
  t.regex(none.stdout, /^Nothing uses docker\.io\/demisto\/x:latest\..*demisto\/x:1/);
  const json = await packferry(['usage', 'demisto/x:1', root, '--json']);
  t.is((JSON.parse(json.stdout) as UsageReport).uses.length, 1);
});

test('outdated and update: from the table to the changed file', async (t) => {
  const { host } = await serveBuilds(t, builds);
  const text = script('S', 'type: python', `dockerimage: ${host}/demisto/tools:1.0.0.1`).replaceAll(
    '\n',
    '\r\n',
  );
  const root = await folderWith(t, { 'Scripts/S.yml': text });
  const file = path.join(root, 'Scripts/S.yml');

  const table = await packferry(['outdated', root]);
  t.is(table.status, 0, table.stderr);
  t.regex(table.stdout, /^outdated +127.*:1\.0\.0\.1 +\d+ d +1\.0\.0\.2 +\d+ d +1\.0\.0\.2 /m);
  const json = await packferry(['outdated', root, '--json']);
  t.is((JSON.parse(json.stdout) as OutdatedReport).totals.outdated, 1);

  const shown = await packferry(['update', root]);
  t.is(shown.status, 0, shown.stderr);
  t.true(
    shown.stdout.endsWith(
      `\n-dockerimage: ${host}/demisto/tools:1.0.0.1\r\n+dockerimage: ${host}/demisto/tools:1.0.0.2\r\n`,
    ),
  );
  t.is(await readFile(file, 'utf8'), text);

  const written = await packferry(['update', root, '--write', '--json']);
  t.is(written.status, 0, written.stderr);
  t.is((JSON.parse(written.stdout) as UpdateReport).changes[0]?.status, 'written');
  t.is(await readFile(file, 'utf8'), text.replace('1.0.0.1', '1.0.0.2'));
  t.is((await packferry(['update', root, '--write', '--dry-run'])).status, 2);
});

test('search: keeps its index in the cache folder of the user', async (t) => {
  const samples = [
    { image: 'demisto/a', tag: '1.0.0.1', python: '3.12.1', pythonPackages: { requests: '2.31.0' } },
  ];
  const root = await folderWith(t, metadataFiles(samples));
  const env = { ...process.env, XDG_CACHE_HOME: path.join(root, '.cache') };
  const found = await packferry(['search', '--metadata', root, '--python-package', 'requests==2.31'], {
    env,
  });
  t.is(found.status, 0, found.stderr);
  t.regex(found.stdout, /^demisto\/a:1\.0\.0\.1 +- +3\.12\.1 +2026-08-18 +requests 2\.31\.0$/m);
  t.is((await readdir(path.join(root, '.cache', 'packferry'))).length, 1);
  const json = await packferry(['search', '--metadata', root, 'nothing', '--json'], { env });
  t.deepEqual((JSON.parse(json.stdout) as SearchReport).images, []);
  t.is((await packferry(['search', '--metadata', root], { env })).status, 2);
});
