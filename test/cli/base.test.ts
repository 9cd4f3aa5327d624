import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { totalSize } from '../../src/core/image.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { receiptSchema } from '../../src/schema/receipt.ts';
import { exportReport, inspectReport, verifyReport } from '../../src/schema/reports.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { refuse, serveFrom, startScripted } from '../helpers/registry-scripted.ts';

function ok(t: ExecutionContext, ran: Ran): Ran {
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return ran;
}

async function documentOf(dir: string): Promise<BundleDocument> {
  return JSON.parse(await readFile(path.join(dir, 'bundle.json'), 'utf8')) as BundleDocument;
}

type Exported = ReturnType<typeof exportReport.parse>;

interface Setting extends Site {
  /** A bundle of one of the three images, the first of the stream. */
  readonly first: string;
  /** Exports all three into a folder, or what the manifest asks for that is named instead. */
  readonly run: (name: string, ...more: readonly string[]) => Promise<Ran>;
  readonly exportTo: (name: string, ...more: readonly string[]) => Promise<Exported>;
  /** Imports a bundle into a folder and gives the receipt. */
  readonly receiptOf: (dir: string) => Promise<string>;
}

/** Runs where a bundle of the Python image was made before; system, Python and its own layer are three of six layers. */
async function withSetting(t: ExecutionContext, use: (setting: Setting) => Promise<void>): Promise<void> {
  await withSite(async (site) => {
    const { at, host, key, trusted, state, manifestFor, manifest } = site;
    const run: Setting['run'] = (name, ...more) =>
      runCli(['export', manifest, '-o', at(name), '--key', key, '--progress', 'none', ...more]);
    const small = await manifestFor('small.yml', host, 'exclude: [demisto/crypto, demisto/powershell]\n');
    const first = at('first');
    ok(t, await runCli(['export', small, '-o', first, '--key', key, '--sequence', '1']));
    await use({
      ...site,
      first,
      run,
      exportTo: async (name, ...more) =>
        exportReport.parse(JSON.parse(ok(t, await run(name, ...more, '--json')).stdout)),
      receiptOf: async (dir) => {
        const argv = ['import', dir, '--trusted-keys', trusted, '--state', state, '--to', `oci:${at('far')}`];
        ok(t, await runCli(argv));
        return path.join(state, 'receipts', 'receipt-000001.json');
      },
    });
  });
}

/** Bytes of the archives that are no layers: manifests and configs. */
function documentsIn({ images }: BundleDocument): number {
  return totalSize(images.flatMap(({ manifest, config }) => [manifest, config]));
}

test('what the receipt of an import says is there stays out, and every report says so', async (t) => {
  await withSetting(t, async (setting) => {
    const { first, at, manifest, trusted, exportTo, receiptOf, run } = setting;
    const receipt = await receiptOf(first);
    const base = `receipt 1 of bundle soc 1 at ${(JSON.parse(await readFile(receipt, 'utf8')) as { host: string }).host}`;

    const planned = ok(t, await runCli(['plan', manifest, '--base', receipt, '--json']));
    const plan = planReport.parse(JSON.parse(planned.stdout));
    const python = (await documentOf(first)).images[0]?.layers ?? [];
    const leftOut = { layers: 3, bytes: totalSize(python) };
    t.deepEqual(plan.leftOut, { ...leftOut, bases: [{ name: base, ...leftOut }] });
    t.deepEqual(
      plan.images.map(({ reference, bytesLeftOut = 0 }) => [reference.split('/').at(-1), bytesLeftOut]),
      [
        ['crypto:1.0.0.1', totalSize(python.slice(0, 2))],
        ['powershell:7.5.0.1', totalSize(python.slice(0, 1))],
        ['python3:3.12.13.1', totalSize(python)],
      ],
    );
    const table = ok(t, await runCli(['plan', manifest, '--base', receipt]));
    t.regex(table.stdout, /LEFT OUT/);
    t.regex(
      table.stderr,
      /Left out: 3 layers, [0-9.]+ KiB, that the other side has: receipt 1 of bundle soc 1/,
    );

    const dry = ok(t, await run('bundle', '--base', receipt, '--dry-run'));
    const toFetch = /Dry run: 3 images, (.*) to fetch/.exec(dry.stderr)?.[1];
    const made = await exportTo('bundle', '--base', receipt);
    t.deepEqual(made.leftOut, plan.leftOut);
    t.is(made.bytesFetched, made.totals.bytes - leftOut.bytes);
    t.is(toFetch, `${(made.bytesFetched / 1024).toFixed(1)} KiB`);
    t.deepEqual(
      made.archives.map(({ file, bytes }) => [file, bytes]),
      plan.archives.map(({ file, bytes }) => [file, bytes]),
    );

    const dir = at('bundle');
    const deep = ok(t, await runCli(['verify', dir, '--trusted-keys', trusted, '--deep', '--json']));
    const verified = verifyReport.parse(JSON.parse(deep.stdout));
    t.deepEqual(verified.leftOut, plan.leftOut);
    t.deepEqual(verified.layers, { checked: 3, notChecked: [], leftOut: 3 });
    const said = ok(t, await runCli(['verify', dir, '--trusted-keys', trusted, '--deep']));
    t.regex(
      said.stderr,
      /Left out: 3 layers[^]*Not there to be looked into: 3 layers, left out of the bundle\./,
    );
    const inspected = ok(t, await runCli(['inspect', dir, '--json']));
    const inspection = inspectReport.parse(JSON.parse(inspected.stdout));
    t.deepEqual(inspection.leftOut, plan.leftOut);
    t.deepEqual(
      inspection.images.map(({ bytesLeftOut }) => bytesLeftOut),
      plan.images.map(({ bytesLeftOut }) => bytesLeftOut),
    );
    const shown = ok(t, await runCli(['inspect', dir]));
    t.regex(shown.stdout, /LEFT OUT/);
    t.regex(shown.stderr, /Left out: 3 layers/);
  });
});

test('when all layers are there, the archives hold documents only, also one for each image', async (t) => {
  await withSetting(t, async ({ at, trusted, exportTo }) => {
    await exportTo('whole', '--sequence', '2');
    for (const more of [[], ['--per-image']]) {
      const name = `empty${more.length}`;
      const made = await exportTo(name, '--base', at('whole'), ...more);
      const document = await documentOf(at(name));
      t.is(made.archives.length, more.length === 0 ? 1 : 3);
      t.deepEqual(
        [made.leftOut?.layers, made.leftOut?.bases.map((base) => base.name)],
        [6, ['bundle soc 2']],
      );
      t.is(made.bytesFetched, documentsIn(document));
      const ran = ok(t, await runCli(['verify', at(name), '--trusted-keys', trusted, '--deep', '--json']));
      const { layers } = verifyReport.parse(JSON.parse(ran.stdout));
      t.deepEqual(layers, { checked: 0, notChecked: [], leftOut: 6 });
    }
  });
});

test('a base that leaves layers out itself has all that its images have', async (t) => {
  await withSetting(t, async ({ at, first, exportTo }) => {
    await exportTo('second', '--base', first, '--sequence', '2');
    const third = await exportTo('third', '--base', at('second'));
    t.deepEqual([third.leftOut?.layers, third.leftOut?.bases.map(({ name }) => name)], [6, ['bundle soc 2']]);
  });
});

test('the same command again finds the bundle; another base would be another bundle', async (t) => {
  await withSetting(t, async ({ at, first, run, exportTo }) => {
    t.is((await exportTo('bundle', '--base', first)).status, 'written');
    const again = await exportTo('bundle', '--base', `bundle:${first}`);
    t.deepEqual([again.status, again.leftOut?.layers], ['present', 3]);
    const whole = await run('bundle');
    t.is(whole.status, 2);
    t.regex(whole.stderr, /E_OUTPUT_EXISTS/);
    const itself = await run('bundle', '--base', at('bundle'));
    t.is(itself.status, 2);
    t.regex(itself.stderr, /E_USAGE.*is the folder that is to be written/);
  });
});

test('what is left out is neither fetched nor reused', async (t) => {
  await withSetting(t, async ({ at, first, run, exportTo }) => {
    await exportTo('whole');
    const both = ['--base', first, '--reuse', at('whole')];
    const dry = ok(t, await run('bundle', ...both, '--dry-run'));
    t.regex(dry.stderr, /Dry run: 3 images, 0 B to fetch/);
    const made = await exportTo('bundle', ...both);
    t.is(made.bytesFetched, 0);
    t.is(made.bytesReused, made.totals.bytes - (made.leftOut?.bytes ?? 0));
  });
});

test('an export that broke off goes on with another base, and fetches only what it lacks', async (t) => {
  await withSetting(t, async ({ at, content, key, trusted, first, manifestFor }) => {
    const whole = await content.manifest('demisto/powershell', '7.5.0.1');
    const { layers } = JSON.parse(whole?.bytes.toString() ?? '{}') as { layers: { digest: string }[] };
    const last = layers.at(-1)?.digest ?? '';
    let isRefusing = true;
    const registry = await startScripted(async (request, response) => {
      if (isRefusing && request.path.endsWith(last)) refuse(response, 404, 'BLOB_UNKNOWN');
      else await serveFrom(content, request, response);
    });
    try {
      const manifest = await manifestFor('scripted.yml', registry.host);
      const argv = ['export', manifest, '-o', at('bundle'), '--key', key, '--retries', '0', '--json'];
      const broken = await runCli([...argv, '--keep-going', '--base', first]);
      t.is(broken.status, 3, broken.stderr);
      isRefusing = false;
      const seen = registry.seen.length;
      const made = exportReport.parse(JSON.parse(ok(t, await runCli(argv)).stdout));
      t.is(made.leftOut, undefined);
      const asked = registry.seen
        .slice(seen)
        .flatMap(({ path: url }) => /\/blobs\/(.*)/.exec(url)?.[1] ?? []);
      const python = (await documentOf(first)).images[0]?.layers ?? [];
      const { images } = await documentOf(at('bundle'));
      const configs = new Set<string>(images.map(({ config }) => config.digest));
      const fetched = asked.filter((digest) => !configs.has(digest));
      t.deepEqual(fetched.sort(), [last, ...python.map(({ digest }) => digest)].sort());
      ok(t, await runCli(['verify', at('bundle'), '--trusted-keys', trusted]));
    } finally {
      await registry.close();
    }
  });
});

test('with a frozen lock the same is left out, and a dry run needs no network', async (t) => {
  await withSetting(t, async ({ manifest, first, at, key, manifestFor, exportTo }) => {
    const lock = at('packferry.lock.json');
    ok(t, await runCli(['lock', manifest]));
    const frozen = ['--frozen-lock', '--lock', lock, '--base', first];
    const made = await exportTo('bundle', ...frozen);
    t.is(made.leftOut?.layers, 3);
    const offline = await manifestFor('offline.yml', '127.0.0.1:1');
    const argv = ['export', offline, '-o', at('none'), '--key', key, '--dry-run', '--json', ...frozen];
    const dry = planReport.parse(JSON.parse(ok(t, await runCli(argv)).stdout));
    t.deepEqual(dry.leftOut, made.leftOut);
  });
});

test('an image that is too large for a volume fits when most of it is left out', async (t) => {
  await withSetting(t, async ({ first, run, exportTo }) => {
    const limit = ['--volume-size', '700KiB'];
    t.regex((await run('bundle', ...limit)).stderr, /E_IMAGE_TOO_LARGE/);
    const made = await exportTo('bundle', ...limit, '--base', first);
    t.true(made.archives.length > 1 && made.archives.every(({ bytes }) => bytes <= 700 * 1024));
  });
});

test('images that cannot be had do not keep the others from being a delta', async (t) => {
  await withSetting(t, async ({ at, host, key, first, manifestFor }) => {
    const more = await manifestFor('more.yml', host, 'images: [demisto/absent:1]\n');
    const ran = await runCli([
      'export',
      more,
      '-o',
      at('bundle'),
      '--key',
      key,
      '--base',
      first,
      '--keep-going',
    ]);
    t.is(ran.status, 3);
    const fewer = await manifestFor('fewer.yml', host);
    const again = ok(
      t,
      await runCli(['export', fewer, '-o', at('bundle'), '--key', key, '--base', first, '--json']),
    );
    const made = exportReport.parse(JSON.parse(again.stdout));
    t.deepEqual([made.bytesFetched, made.leftOut?.layers], [0, 3]);
  });
});

test('a base with nothing that is needed is told, and the bundle is a whole one', async (t) => {
  await withSetting(t, async ({ at, run, trusted }) => {
    const layers = [`sha256:${'a'.repeat(64)}`];
    const held = [{ id: 'sha256:0', hosts: ['app1'], platform: 'linux/arm64', bytes: 1, layers }];
    const hosts = [{ name: 'app1', endpoint: 'ssh://app1' }];
    const images = siteReferences.map((reference) => {
      return { reference: `docker.io/${reference}`, state: 'everywhere', held, missing: [] };
    });
    const inventory = { schemaVersion: 1, takenAt: '2026-11-23T05:00:00Z', hosts, images };
    await writeFile(at('inventory.json'), JSON.stringify(inventory));
    const ran = ok(t, await run('bundle', '--base', at('inventory.json')));
    t.regex(ran.stderr, /warning: .*inventory\.json has none of the layers that are needed/);
    t.notRegex(ran.stderr, /Left out/);
    const { requires, base } = await documentOf(at('bundle'));
    t.deepEqual([requires, base], [[], []]);
    ok(t, await runCli(['verify', at('bundle'), '--trusted-keys', trusted]));
  });
});

test('what cannot be built on is told before anything is asked', async (t) => {
  await withSetting(t, async ({ at, run, manifest }) => {
    await writeFile(at('notes.json'), '{"notes": []}');
    for (const ran of [
      await run('bundle', '--base', at('notes.json')),
      await run('bundle', '--repair', at('notes.json')),
      await runCli(['plan', manifest, '--base', at('absent')]),
    ]) {
      t.is(ran.status, 2);
      t.regex(ran.stderr, /error\[E_BASE_INVALID\]: .*\nhint: Give/);
    }
  });
});

test('a receipt names the target that could not be reached, so nothing is taken for granted there', async (t) => {
  await withSetting(t, async ({ at, first, run, trusted, state, exportTo }) => {
    const to = ['--to', `oci:${at('far')}`, '--to', `docker:unix://${at('no.sock')}`];
    const importing = ['import', first, '--trusted-keys', trusted, '--state', state, ...to];
    t.is((await runCli(importing)).status, 6);
    const receipt = path.join(state, 'receipts', 'receipt-000001.json');
    const { targets } = receiptSchema.parse(JSON.parse(await readFile(receipt, 'utf8')));
    t.deepEqual(
      targets.map(({ name, images }) => [name.split(':')[0], images.map(({ status }) => status)]).sort(),
      [
        ['docker', ['pending']],
        ['oci', ['loaded']],
      ],
    );
    const ran = await run('bundle', '--base', receipt);
    t.is(ran.status, 2);
    t.regex(
      ran.stderr,
      /E_BASE_INVALID.*no\.sock got no image, so nothing is on all targets\nhint: Give the bundle/,
    );
    // Whoever knows better says so.
    t.is((await exportTo('bundle', '--base', first)).leftOut?.layers, 3);
  });
});
