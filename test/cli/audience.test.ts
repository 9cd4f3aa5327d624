import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bundleSchema } from '../../src/schema/bundle.ts';
import { failureReport, inspectReport, verifyReport } from '../../src/schema/reports.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';

/** Runs with a bundle that is for site-a and site-c. */
async function withAddressed(t: ExecutionContext, use: (site: Site) => Promise<void>): Promise<void> {
  await withSite(async (site) => {
    const manifest = await site.manifestFor('a.yml', site.host, 'bundle: {audience: [site-a, site-c]}\n');
    const made = await runCli(['export', manifest, '-o', site.bundle, '--key', site.key]);
    t.is(made.status, 0, made.stderr);
    t.true(made.stderr.includes('For site-a, site-c only.'), made.stderr);
    await use(site);
  });
}

async function refusedUntouched(t: ExecutionContext, site: Site, argv: readonly string[]): Promise<Ran> {
  const to = argv[0] === 'import' ? ['--to', `oci:${site.at('target')}`] : [];
  const ran = await runCli([...argv, ...to]);
  t.is(ran.status, 4, ran.stderr);
  t.true(ran.stderr.includes('error[E_WRONG_SITE]: '), ran.stderr);
  t.true(ran.stderr.includes('site-a, site-c'), ran.stderr);
  const json = await runCli([...argv, ...to, '--json']);
  t.is(failureReport.parse(JSON.parse(json.stdout)).error.code, 'E_WRONG_SITE');
  t.false((await readdir(site.folder)).includes('target'), 'the target has not been touched');
  return ran;
}

test('a bundle for site-a is refused on site-b, by import and by verify, and the target stays untouched', async (t) => {
  await withAddressed(t, async (site) => {
    const { bundle, trusted, importing } = site;
    for (const argv of [importing, ['verify', bundle, '--trusted-keys', trusted]]) {
      const { stderr } = await refusedUntouched(t, site, [...argv, '--site', 'site-b']);
      t.true(stderr.includes('this site is site-b'), stderr);
    }
  });
});

test('where the site has no name, a bundle for certain sites is refused with a hint on how to name it', async (t) => {
  await withAddressed(t, async (site) => {
    const { stderr } = await refusedUntouched(t, site, site.importing);
    t.true(stderr.includes('hint: Say so with --site NAME, PACKFERRY_SITE'), stderr);
  });
});

test('a bundle for site-a loads on site-a, and what it is for is shown everywhere', async (t) => {
  await withAddressed(t, async ({ at, bundle, trusted, importing }) => {
    const verified = await runCli([
      'verify',
      bundle,
      '--trusted-keys',
      trusted,
      '--site',
      'site-a',
      '--json',
    ]);
    t.deepEqual(verifyReport.parse(JSON.parse(verified.stdout)).audience, ['site-a', 'site-c']);
    const loaded = await runCli([...importing, '--to', `oci:${at('target')}`, '--site', 'site-a']);
    t.is(loaded.status, 0, loaded.stderr);
    t.true((await readdir(at('target'))).includes('index.json'));

    // Who approves transfers need not be on any of the sites.
    const shown = await runCli(['inspect', bundle, '--trusted-keys', trusted, '--json']);
    t.deepEqual(inspectReport.parse(JSON.parse(shown.stdout)).audience, ['site-a', 'site-c']);
    t.true((await runCli(['inspect', bundle])).stderr.includes('For site-a, site-c only.'));
    const planned = await runCli(['plan', at('a.yml'), '--json']);
    t.deepEqual(planReport.parse(JSON.parse(planned.stdout)).audience, ['site-a', 'site-c']);
    t.true((await runCli(['plan', at('a.yml')])).stderr.includes('For site-a, site-c only.'));
    t.true((await readFile(path.join(bundle, 'README.txt'), 'utf8')).includes('For site-a, site-c only'));
  });
});

test('the name of a site in the configuration folder of the user counts; a broken one is an error', async (t) => {
  await withAddressed(t, async ({ at, importing }) => {
    const file = at('home', '.config', 'packferry', 'site');
    await mkdir(path.dirname(file), { recursive: true });
    const run = (more: readonly string[]): Promise<Ran> =>
      runCli([...importing, '--to', `oci:${at('target')}`, ...more], { home: at('home') });
    for (const text of ['', 'site-a\nsite-b\n', '# site-a\n', 'Site A']) {
      await writeFile(file, text);
      const { status, stderr } = await run([]);
      t.is(status, 2, stderr);
      t.true(stderr.includes('error[E_USAGE]: ') && stderr.includes(file), stderr);
    }
    await writeFile(file, '\uFEFFsite-b\r\n');
    t.is((await run([])).status, 4);
    t.is((await run(['--site', 'site-a'])).status, 0, 'the command line wins');
    t.is((await run(['--site', ''])).status, 4, 'a variable that is set to nothing says nothing');
    await writeFile(file, 'site-c\r\n');
    t.is((await run([])).status, 0);
  });
});

test('a bundle for every site loads wherever it comes, with a name or without', async (t) => {
  await withSite(async ({ at, bundle, exporting, importing }) => {
    t.is((await runCli(exporting)).status, 0);
    t.is((await runCli([...importing, '--to', `oci:${at('one')}`])).status, 0);
    t.is((await runCli([...importing, '--to', `oci:${at('two')}`, '--site', 'site-b'])).status, 0);
    const document = bundleSchema.parse(JSON.parse(await readFile(path.join(bundle, 'bundle.json'), 'utf8')));
    t.false('audience' in document);
  });
});

test('the same images for other sites are another bundle, and the first is not overwritten', async (t) => {
  await withAddressed(t, async ({ at, bundle, key, host, manifestFor }) => {
    const exporting = ['-o', bundle, '--key', key];
    const again = await runCli(['export', at('a.yml'), ...exporting]);
    t.is(again.status, 0, again.stderr);
    t.true(again.stderr.includes('already holds this bundle'), again.stderr);
    const other = await manifestFor('b.yml', host, 'bundle: {audience: [site-b]}\n');
    const refused = await runCli(['export', other, ...exporting]);
    t.is(refused.status, 2, refused.stderr);
    t.true(refused.stderr.includes('error[E_OUTPUT_EXISTS]: '), refused.stderr);
  });
});

test('the command line says for whom a bundle is and how long it counts, also against the manifest', async (t) => {
  await withSite(async (site) => {
    const manifest = await site.manifestFor(
      'a.yml',
      site.host,
      'bundle: {audience: [site-a], expiresAfter: 4w}\n',
    );
    const exporting = ['export', manifest, '-o', site.bundle, '--key', site.key];
    for (const wrong of [
      ['--audience', 'Site B'],
      ['--audience', 'site-a,site-b'],
      ['--expires-after', 'never'],
      ['--expires-after', '90'],
    ]) {
      const ran = await runCli([...exporting, ...wrong]);
      t.is(ran.status, 2, ran.stderr);
      t.regex(
        ran.stderr,
        new RegExp(`error\\[E_USAGE\\]: ${wrong[0] ?? ''}: "${wrong[1] ?? ''}" is no .*\nhint: `),
      );
    }
    t.false((await readdir(site.folder)).includes('bundle'));
    const made = await runCli([
      ...exporting,
      '--audience',
      'site-b',
      '--audience',
      'site-c',
      '--expires-after',
      '12h',
    ]);
    t.is(made.status, 0, made.stderr);
    t.true(made.stderr.includes('For site-b, site-c only.'), made.stderr);
    const shown = await runCli(['inspect', site.bundle, '--json']);
    const { audience, createdAt, expiresAt } = inspectReport.parse(JSON.parse(shown.stdout));
    t.deepEqual(audience, ['site-b', 'site-c']);
    t.is(Date.parse(expiresAt ?? '') - Date.parse(createdAt), 12 * 3_600_000);
    const told = `It may be imported until ${expiresAt ?? ''}.`;
    const looking = await runCli(['inspect', site.bundle]);
    const verified = ['verify', site.bundle, '--trusted-keys', site.trusted, '--site', 'site-b'];
    for (const ran of [made, looking, await runCli(verified)]) t.true(ran.stderr.includes(told), ran.stderr);
  });
});
