import { mkdir, writeFile } from 'node:fs/promises';
import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { refuse, startScripted } from '../helpers/registry-scripted.ts';

test('export is refused: a folder that will not do, before any registry is asked', async (t) => {
  await withSite(async ({ at, key, bundle }) => {
    const registry = await startScripted((_request, response) => {
      refuse(response, 404, 'MANIFEST_UNKNOWN');
    });
    try {
      const manifest = at('asks.yml');
      await writeFile(
        manifest,
        `schema: packferry.export/v1\nname: soc\npacks: [{ path: Packs }]\nregistries: { docker.io: { location: "${registry.host}" } }\n`,
      );
      await mkdir(bundle);
      await writeFile(`${bundle}/thesis.txt`, 'precious');
      const foreign = await runCli(['export', manifest, '-o', bundle, '--key', key]);
      t.regex(foreign.stderr, /E_OUTPUT_EXISTS/);
      const named = await runCli([
        'export',
        manifest,
        '-o',
        at('new'),
        '--key',
        key,
        '--authfile',
        at('none'),
      ]);
      t.is(named.status, 2);
      t.regex(named.stderr, /error\[E_CREDENTIALS\]: .*none: no such file\n/, 'told once, and of no image');
      t.is(registry.seen.length, 0);
    } finally {
      await registry.close();
    }
  });
});
