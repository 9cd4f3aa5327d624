import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { importReport, inspectReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite } from '../helpers/cli-site.ts';
import { pushImage } from '../helpers/push-image.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

const name = siteReferences[0] ?? '';

test.serial(
  'a bundle that asks for it moves names, and keeps the images that had them, unless the operator or the policy says otherwise',
  needing(['docker-registry'], async (t) => {
    await withSite(async (site) => {
      const manifest = await site.manifestFor('m.yml', site.host, 'bundle: {onExisting: retag}\n');
      const made = await runCli(['export', manifest, '-o', site.bundle, '--key', site.key]);
      t.is(made.status, 0, made.stderr);
      const shown = await runCli(['inspect', site.bundle, '--json']);
      t.is(inspectReport.parse(JSON.parse(shown.stdout)).onExisting, 'retag');
      t.regex((await runCli(['inspect', site.bundle])).stderr, /names that stand for other images are moved/);

      await withDockerRegistry(async ({ host }) => {
        const [repository = '', tag = ''] = name.split(':');
        const old = composeImage({ files: [{ path: 'old', content: noise('old', 500) }] });
        await pushImage(host, repository, tag, old);
        const to = [...site.importing, '--to', `registry://${host}`, '--image', name];

        const policy = path.join(site.folder, 'policy.json');
        await writeFile(policy, '{"schema": "packferry.policy/v1", "allowRetag": false}');
        const forbidden = await runCli([...to, '--policy', policy]);
        t.is(forbidden.status, 6, forbidden.stderr);
        t.regex(forbidden.stderr, /the policy of this site does not allow/);
        t.regex(forbidden.stderr, /E_TAG_CONFLICT/);
        const told = await runCli([...to, '--on-existing', 'error']);
        t.is(told.status, 6, told.stderr);

        const ran = await runCli([...to, '--json']);
        t.is(ran.status, 0, ran.stderr);
        t.regex(ran.stderr, /asks for, names are moved/);
        const { targets } = importReport.parse(JSON.parse(ran.stdout));
        const aside = `${name}-before-20261123T050000Z`;
        const { digest } = old.manifest.descriptor;
        t.like(targets[0]?.images[0], {
          status: 'loaded',
          replaced: { id: digest, keptAs: `${host}/${aside}` },
        });
      });
    });
  }),
);

test('a bundle that asks for it leaves images alone that have a name of its images', async (t) => {
  await withSite(async (site) => {
    const to = ['--to', `oci:${site.at('target')}`];
    const first = await runCli(site.exporting);
    t.is(first.status, 0, first.stderr);
    t.is((await runCli([...site.importing, ...to])).status, 0);

    // The same names for other images: another registry has other content under them.
    const manifest = await site.manifestFor(
      'm.yml',
      site.host,
      `bundle: {onExisting: keep}\nimages: [{reference: "${name}", from: "oci:${site.at('other')}"}]\n`,
    );
    const other = composeImage({ files: [{ path: 'other', content: noise('other', 500) }] });
    await writeOciLayout(site.at('other'), [{ reference: `docker.io/${name}`, image: other }]);
    const dir = site.at('second');
    const made = await runCli(['export', manifest, '-o', dir, '--key', site.key, '--sequence', '9999999999']);
    t.is(made.status, 0, made.stderr);
    const importing = ['import', dir, '--trusted-keys', site.trusted, '--state', site.state, ...to];
    const ran = await runCli([...importing, '--json']);
    t.is(ran.status, 0, ran.stderr);
    const { targets } = importReport.parse(JSON.parse(ran.stdout));
    const statuses = targets[0]?.images.map(({ reference, status }) => [reference, status]);
    t.deepEqual(
      statuses?.sort(),
      siteReferences.map((one) => [`docker.io/${one}`, one === name ? 'kept' : 'present']).sort(),
    );
  });
});
