import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { receiptSchema } from '../../src/schema/receipt.ts';
import { copyReport, importReport } from '../../src/schema/reports.ts';
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

test('copy from a bundle that leaves something out: refused with all that is missing, or lent as by import', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const to = ['--to', `oci:${at('target')}`];
    const copying = ['copy', '--all', '--from', `bundle:${delta.dir}`];
    const lacking = await run([...copying, ...to]);
    t.is(lacking.status, 6, lacking.stderr);
    t.regex(
      lacking.stderr,
      /error\[E_BASE_MISSING\]: nothing was sent: 2 images stand on 2 layers, .* that test 42 leaves out/,
    );
    t.regex(lacking.stderr, /hint: First import what it stands on \(bundle test 1\), or .* --with DIR\./);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
    const dry = await run([...copying, ...to, '--dry-run', '--with', old.dir]);
    t.is(dry.status, 0, dry.stderr);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });

    // By a path as people write it: the receipt tells of targets and lenders all the same.
    const relative = `bundle:${path.relative(process.cwd(), delta.dir)}`;
    const lending = ['copy', '--all', '--from', relative, '--with', old.dir, ...to];
    const ran = await run([...lending, '--json']);
    t.is(ran.status, 0, ran.stderr);
    const { lent, receipts, targets } = copyReport.parse(JSON.parse(ran.stdout));
    t.deepEqual(new Set(targets[0]?.images.map(({ status }) => status)), new Set(['loaded']));
    t.like(lent, [{ dir: old.dir, name: 'test', sequence: 41, layers: 2 }]);
    const receipt = receiptSchema.parse(JSON.parse(await readFile(receipts?.[0]?.file ?? '', 'utf8')));
    t.deepEqual(receipt.lent, lent);
    t.deepEqual(
      receipt.targets.map(({ name, images }) => [name, images.length]),
      [[`oci:${at('target')}`, 2]],
    );
    const { stdout } = await runCli(['history', 'test', '--state', at('state')]);
    t.notRegex(stdout, /\b41\b/, 'who lends is not accepted');
    // On a terminal too: there is nothing that --yes could answer.
    const again = await run([...copying, ...to], {
      stdin: new MemoryInput(true),
      stderr: new MemoryOutput(true),
    });
    t.is(again.status, 0, 'what is there needs nobody who lends it');
  });
});

test('copy: some images of a bundle that leaves layers out go on when others lack theirs', async (t) => {
  await withDeltaSite(async ({ make, run, at }) => {
    const first = await make('first', { 'docker.io/demisto/first:1': on(undefined, 'first') });
    const images = {
      'docker.io/demisto/lacks:1': on(on(undefined, 'first'), 'lacks'),
      'docker.io/demisto/whole:1': on(undefined, 'whole'),
    };
    const { dir } = await make('some', images, { base: first, sequence: 43 });
    const ran = await run([
      'copy',
      '--all',
      '--from',
      `bundle:${dir}`,
      '--to',
      `oci:${at('some-target')}`,
      '--keep-going',
      '--json',
    ]);
    t.is(ran.status, 3, ran.stderr);
    const { targets } = copyReport.parse(JSON.parse(ran.stdout));
    t.like(targets[0]?.images, [
      { status: 'failed', error: { code: 'E_BASE_MISSING' } },
      { status: 'loaded' },
    ]);
  });
});

test('copy: any other source that has the layers makes up for them, and is asked before anything is sent', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const [elsewhere, source] = [`oci:${at('elsewhere')}`, `bundle:${delta.dir}`];
    const to = ['--to', `oci:${at('target')}`];
    const rollback = ['--allow-rollback', 'the base of the newer one'];
    const from = ['--from', source, '--from', elsewhere];
    const whole = await run(['copy', '--all', '--from', `bundle:${old.dir}`, '--to', elsewhere]);
    t.is(whole.status, 0, whole.stderr);
    // Under another name: layers are found by their digests.
    const both = await run(['copy', 'demisto/one:1', ...from, ...to, '--retag', 'demisto/*=soc/*']);
    t.is(both.status, 0, both.stderr);
    t.notRegex(both.stderr, /warning/i);
    // The other source may be a bundle, too, and is then judged as such.
    const bundles = ['--from', source, '--from', `bundle:${old.dir}`, '--to', `oci:${at('other')}`];
    const older = await run(['copy', 'demisto/two:1', ...bundles]);
    t.is(older.status, 6, older.stderr);
    t.regex(older.stderr, /E_BASE_MISSING/);
    t.is((await run(['copy', 'demisto/two:1', ...bundles, ...rollback])).status, 0);
  });
});

test('copy: --with is refused where no source is a bundle, and a lender that is not trusted anywhere', async (t) => {
  await withDeltaSite(async ({ old, delta, at, run }) => {
    const to = ['--to', `oci:${at('target')}`];
    const idle = await run(['copy', 'demisto/one:1', '--from', `oci:${at('x')}`, '--with', old.dir, ...to]);
    t.is(idle.status, 2, idle.stderr);
    t.regex(idle.stderr, /error\[E_USAGE\]: --with lends what bundles leave out, and no source is a bundle/);
    const copying = ['copy', '--all', '--from', `bundle:${delta.dir}`, ...to];
    const nowhere = await run([...copying, '--with', at('nowhere')]);
    t.is(nowhere.status, 4, nowhere.stderr);
    t.regex(nowhere.stderr, /error\[E_BUNDLE_NOT_FOUND\]: --with: .*nowhere/);
    await t.throwsAsync(readdir(at('target')), { code: 'ENOENT' });
    const whole = await run(['copy', '--all', '--from', `bundle:${old.dir}`, '--with', delta.dir, ...to]);
    t.is(whole.status, 0, whole.stderr);
    t.regex(whole.stderr, /nothing is taken from what --with names: .*old leaves nothing out/);
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
