import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { receiptSchema } from '../../src/schema/receipt.ts';
import { importReport } from '../../src/schema/reports.ts';
import { MemoryInput, MemoryOutput, runCli, type RunOptions, type Ran } from '../helpers/cli-run.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';

const on = (base: ComposedImage | undefined, name: string): ComposedImage =>
  composeImage({ ...(base && { base }), files: [{ path: name, content: noise(name, 5000) }] });
const base = on(on(undefined, 'os'), 'python');

interface DeltaSite extends ImportSite {
  readonly old: MadeBundle;
  readonly delta: MadeBundle;
  readonly at: (name: string) => string;
  /** A command line with the keys and the state of the site. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
}

/** Runs with a bundle, and one that leaves out what that one has. */
async function withDeltaSite(use: (site: DeltaSite) => Promise<void>): Promise<void> {
  await withImportSite(async (site) => {
    const at = (name: string): string => path.join(site.folder, name);
    const old = await site.make('old', { 'docker.io/demisto/python3:1': base }, { sequence: 41 });
    const images = { 'docker.io/demisto/one:1': on(base, 'one'), 'docker.io/demisto/two:1': on(base, 'two') };
    const delta = await site.make('delta', images, { base: old, sequence: 42 });
    const run: DeltaSite['run'] = (args, options) =>
      runCli([...args, '--trusted-keys', site.trusted, '--state', at('state')], options);
    await use({ ...site, old, delta, at, run });
  });
}

test('--with lends what the bundle leaves out; report, receipt and its page say who did', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const to = `oci:${at('target')}`;
    const refused = await run(['import', delta.dir, '--to', to]);
    t.is(refused.status, 6, refused.stderr);
    t.regex(refused.stderr, /error\[E_BASE_MISSING\]: nothing was sent: 2 images stand on 2 layers/);
    t.regex(refused.stderr, /hint: First import what it stands on \(bundle test 1\), or .* --with DIR\./);
    t.regex(refused.stderr, /one:1: oci:.* lacks 2 layers, .* sha256:[0-9a-f]{64} \(.*, in bundle test 1\)/);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });

    const dry = await run(['import', delta.dir, '--to', to, '--dry-run', '--with', old.dir]);
    t.is(dry.status, 0, dry.stderr);
    t.regex(
      dry.stderr + dry.stdout,
      /2 layers that the bundle leaves out, .* lent by .*old \(test 41, signed by test-builder\)/,
    );
    const dryLacking = await run(['import', delta.dir, '--to', to, '--dry-run']);
    t.is(dryLacking.status, 6);
    t.regex(dryLacking.stdout, /E_BASE_MISSING: .*two:1: oci:.* lacks 2 layers/);

    const ran = await run(['import', delta.dir, '--to', to, '--with', old.dir, '--json']);
    t.is(ran.status, 0, ran.stderr);
    const { lent, targets } = importReport.parse(JSON.parse(ran.stdout));
    t.deepEqual(new Set(targets[0]?.images.map(({ status }) => status)), new Set(['loaded']));
    t.like(lent, { 0: { dir: old.dir, name: 'test', sequence: 41, layers: 2 } });
    const receipts = (await readdir(at('state/receipts'))).filter((name) => name.endsWith('.json')).sort();
    const text = await readFile(at(`state/receipts/${receipts.at(-1) ?? ''}`), 'utf8');
    t.deepEqual(receiptSchema.parse(JSON.parse(text)).lent, lent);
    const page = await runCli(['receipt', 'show', '--state', at('state')]);
    t.regex(page.stdout, /Lent by +test 41: 2 layers, /);
    t.regex(page.stdout, new RegExp(`SHA256SUMS +${lent?.[0]?.sumsSha256 ?? ''}`));
  });
});

test('who is asked whether to load is told what is lent', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const [stdin, stderr] = [new MemoryInput(true), new MemoryOutput(true)];
    const running = run(['import', delta.dir, '--to', `oci:${at('target')}`, '--with', old.dir], {
      stdin,
      stderr,
    });
    await stderr.shows('Load them?');
    stdin.write('n\r');
    await running;
    t.regex(stderr.text, /2 layers that the bundle leaves out, .* lent by/);
  });
});

test('a lender that is not trusted, or no bundle, is refused before anything else', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const to = ['--to', `oci:${at('target')}`];
    const nowhere = await run(['import', delta.dir, ...to, '--with', at('nowhere')]);
    t.is(nowhere.status, 4, nowhere.stderr);
    t.regex(nowhere.stderr, /error\[E_BUNDLE_NOT_FOUND\]: --with: .*nowhere/);
    const strangers = await withImportSite(async ({ make }) => {
      const { dir } = await make('strange', { 'docker.io/demisto/python3:1': base });
      return run(['import', delta.dir, ...to, '--with', old.dir, '--with', dir]);
    });
    t.is(strangers.status, 4, strangers.stderr);
    t.regex(strangers.stderr, /error\[E_SIGNER_UNTRUSTED\]: --with: .*strange/);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
  });
});

test('a lender may be older than what was accepted, and is not accepted itself', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const to = ['--to', `oci:${at('target')}`];
    t.is((await run(['import', delta.dir, ...to, '--with', old.dir])).status, 0);
    const again = ['import', delta.dir, '--to', `oci:${at('other')}`, '--with', old.dir];
    t.is((await run(again)).status, 0);
    const { stdout } = await runCli(['history', 'test', '--state', at('state')]);
    t.regex(stdout, /42/);
    t.notRegex(stdout, /\b41\b/);
  });
});

test('copy from a bundle that leaves something out says what is missing and how to go on', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const rollback = ['--allow-rollback', 'the base of the newer one'];
    const to = ['--to', `oci:${at('target')}`];
    const lacking = await run(['copy', '--all', '--from', `bundle:${delta.dir}`, ...to]);
    t.is(lacking.status, 6, lacking.stderr);
    t.regex(
      lacking.stderr,
      /error\[E_BASE_MISSING\]: .*one:1: blob .*leaves it out, since bundle test 1 has it/,
    );
    t.regex(lacking.stderr, /hint: .*packferry import \.\.\. --with BUNDLE/);
    // Any other source that has the layers makes up for them.
    const [elsewhere, source] = [`oci:${at('elsewhere')}`, `bundle:${delta.dir}`];
    t.is(
      (await run(['copy', '--all', '--from', `bundle:${old.dir}`, '--to', elsewhere, ...rollback])).status,
      0,
    );
    const both = await run(['copy', 'demisto/one:1', '--from', source, '--from', elsewhere, ...to]);
    t.is(both.status, 0, both.stderr);
  });
});

test('lenders of a bundle that is whole by itself are told to be of no use', async (t) => {
  await withDeltaSite(async ({ old, at, run }) => {
    const ran = await run(['import', old.dir, '--to', `oci:${at('target')}`, '--with', old.dir]);
    t.is(ran.status, 0, ran.stderr);
    t.regex(ran.stderr, /nothing is taken from what --with names: .*old leaves nothing out/);
    t.notRegex(ran.stderr, /lent by/);
  });
});
