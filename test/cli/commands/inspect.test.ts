import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { runCli } from '../../helpers/cli-run.ts';
import { withSite } from '../../helpers/cli-site.ts';

test('an image that the manifest names itself is used by the manifest, not by a pack without a name', async (t) => {
  await withSite(async ({ at, host, key, bundle }) => {
    const image = `${host}/demisto/crypto:1.0.0.1`;
    await writeFile(at('bare.yml'), `schema: packferry.export/v1\nname: bare\nimages: ["${image}"]\n`);
    t.is((await runCli(['export', at('bare.yml'), '-o', bundle, '--key', key])).status, 0);
    const inspected = await runCli(['inspect', bundle]);
    t.is(inspected.status, 0, inspected.stderr);
    t.regex(inspected.stdout, / manifest bare$/m);
    const used = await runCli(['usage', image, at('bare.yml')]);
    t.regex(used.stderr, /1 use in 0 packs\./);
  });
});
