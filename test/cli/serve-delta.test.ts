import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { bundleSchema } from '../../src/schema/bundle.ts';
import { receiptSchema } from '../../src/schema/receipt.ts';
import { serveReport, type ServeReport } from '../../src/schema/reports-serve.ts';
import { withBaseAndDelta, type BaseAndDelta } from '../helpers/base-and-delta.ts';
import { fixtureTime } from '../helpers/bundle-fixture.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';
import { contentWith, leftOutBy } from '../helpers/delta-content.ts';
import { MemoryOutput, runCli, type RunOptions } from '../helpers/cli-run.ts';
import { get } from '../helpers/serve-process.ts';

interface Served {
  readonly report: ServeReport;
  readonly stderr: string;
}

/** Serves these bundles, with the state folder of the site, while `use` runs. */
async function serving(
  { trusted, folder }: BaseAndDelta,
  argv: readonly string[],
  use: (url: string) => Promise<void>,
  options: RunOptions = {},
): Promise<Served> {
  const stop = new AbortController();
  const stderr = new MemoryOutput();
  const site = ['--trusted-keys', trusted, '--state', path.join(folder, 'state'), '--listen', '127.0.0.1:0'];
  const running = runCli(['serve', ...argv, ...site, '--json'], { ...options, stderr, signal: stop.signal });
  const ended = running.then(({ status }) => {
    throw new Error(`it ended with status ${status}:\n${stderr.text}`);
  });
  try {
    await Promise.race([stderr.shows('images at '), ended]);
    await use(/ at (http:\S+)/.exec(stderr.text)?.[1] ?? '');
  } finally {
    stop.abort();
    ended.catch(() => undefined);
  }
  return { report: serveReport.parse(JSON.parse((await running).stdout)), stderr: stderr.text };
}

/** The manifest, and then every blob, byte for byte. */
async function isServed(t: ExecutionContext, url: string, image: LockedImage): Promise<void> {
  const [repository = '', tag = ''] = image.reference.replace('docker.io/', '').split(':');
  const { bytes } = await get(url, `/v2/${repository}/manifests/${tag}`);
  t.is(digestOf(bytes), image.manifest.digest, image.reference);
  for (const { digest } of [image.config, ...image.layers])
    t.is(digestOf((await get(url, `/v2/${repository}/blobs/${digest}`)).bytes), digest);
}

async function isNotServed(t: ExecutionContext, url: string, { reference }: LockedImage): Promise<void> {
  const [repository = '', tag = ''] = reference.replace('docker.io/', '').split(':');
  t.is((await get(url, `/v2/${repository}/manifests/${tag}`)).status, 404, reference);
}

test('a delta with its base is served whole, again and again; the base lends layers, and nothing else of it is served', async (t) => {
  await withBaseAndDelta(async (made) => {
    const { base, delta, newer, powershell, requires } = made;
    for (const argv of [
      [delta, base],
      [base, delta, '--deep'],
    ]) {
      const { report, stderr } = await serving(made, argv, async (url) => {
        for (const image of newer) await isServed(t, url, image);
        await isNotServed(t, url, powershell);
      });
      t.deepEqual(
        report.bundles.map(({ sequence }) => sequence),
        [2],
      );
      t.deepEqual(
        report.lenders?.map(({ sequence }) => sequence),
        [1],
      );
      t.is(report.images.length, newer.length);
      t.regex(stderr, /base \(test 1\) lends the layers .*its own images are not served/);
      const [one, two] = report.receipts ?? [];
      t.truthy(one && two, 'each bundle leaves a receipt');
      const written = await Promise.all(
        [one, two].map(async (receipt) =>
          receiptSchema.parse(JSON.parse(await readFile(receipt?.file ?? '', 'utf8'))),
        ),
      );
      const { lent, served } = written.find(({ bundle }) => bundle?.sequence === 2) ?? {};
      t.like(lent?.[0], { dir: base, sequence: 1, layers: requires.length });
      t.truthy(served);
      t.is(written.find(({ bundle }) => bundle?.sequence === 1)?.served, undefined);
    }
    const state = path.join(made.folder, 'state');
    const history = await runCli(['history', '--json', '--state', state]);
    t.notRegex(history.stdout, /"sequence": ?1\b/, 'what only lends is not accepted');
  });
});

test('a delta alone is refused before its archives are read, with images, layers and the base named', async (t) => {
  await withBaseAndDelta(async ({ delta, trusted, newer, requires }) => {
    for (const name of await readdir(delta)) if (name.endsWith('.tar')) await rm(path.join(delta, name));
    const ran = await runCli(['serve', delta, '--trusted-keys', trusted, '--listen', '127.0.0.1:0']);
    t.is(ran.status, 6, ran.stderr);
    t.regex(ran.stderr, /E_BASE_MISSING/);
    for (const { reference } of newer) t.true(ran.stderr.includes(reference));
    for (const { digest } of requires) t.true(ran.stderr.includes(digest));
    t.regex(ran.stderr, /in bundle test 1[^]*packferry serve \S+delta BASE/);
    t.is(ran.stdout, '');
  });
});

test('a base of another stream is served beside the delta, and lends it layers', async (t) => {
  await withBaseAndDelta(
    async (made) => {
      const { report } = await serving(made, [made.delta, made.base], async (url) => {
        for (const image of [...made.newer, made.powershell]) await isServed(t, url, image);
      });
      t.is(report.lenders, undefined);
      t.is(report.bundles.length, 2);
    },
    { baseName: 'other' },
  );
});

test('with --allow-rollback the older bundle is served as well', async (t) => {
  await withBaseAndDelta(async (made) => {
    const argv = [made.delta, made.base, '--allow-rollback', 'ticket 1234'];
    const { report } = await serving(made, argv, async (url) => {
      for (const image of [...made.newer, made.powershell]) await isServed(t, url, image);
    });
    t.is(report.lenders, undefined);
  });
});

test('a base that has expired lends all the same; alone it is refused', async (t) => {
  await withBaseAndDelta(
    async (made) => {
      const later = { now: new Date(fixtureTime.getTime() + 7_200_000) };
      const argv = ['serve', made.base, '--trusted-keys', made.trusted, '--listen', '127.0.0.1:0'];
      t.regex((await runCli(argv, later)).stderr, /E_BUNDLE_EXPIRED/);
      const { report } = await serving(
        made,
        [made.delta, made.base],
        async (url) => {
          for (const image of made.newer) await isServed(t, url, image);
        },
        later,
      );
      t.is(report.lenders?.length, 1);
    },
    { baseExpires: 3600 },
  );
});

test('an older bundle that has nothing of what is left out is a way back, as ever', async (t) => {
  await withBaseAndDelta(async (made) => {
    const { delta, base, trusted, write, folder, content } = made;
    const other = path.join(folder, 'other');
    const volumes = [[{ image: made.powershell, usedBy: [] }]];
    await write(other, { sequence: 3, content: { ...content(), volumes } });
    const argv = ['serve', delta, base, other, '--trusted-keys', trusted, '--listen', '127.0.0.1:0'];
    const ran = await runCli(argv);
    t.is(ran.status, 4);
    t.regex(ran.stderr, /E_ROLLBACK.*test 2 is older than test 3/);
  });
});

/** Changes a byte of a blob where a bundle has it. */
async function damage(dir: string, digest: string): Promise<void> {
  const { archives } = bundleSchema.parse(JSON.parse(await readFile(path.join(dir, 'bundle.json'), 'utf8')));
  for (const { file, blobs } of archives) {
    for (const { offset } of blobs.filter((blob) => blob.digest === digest))
      await flipBit(path.join(dir, file), offset);
  }
}

test('a base that is damaged in what is needed of it is refused, and nothing is served', async (t) => {
  await withBaseAndDelta(async ({ delta, base, trusted, requires }) => {
    await damage(base, requires[0]?.digest ?? '');
    const ran = await runCli(['serve', delta, base, '--trusted-keys', trusted, '--listen', '127.0.0.1:0']);
    t.is(ran.status, 4, ran.stderr);
    t.regex(ran.stderr, /E_DIGEST_MISMATCH.*base \(test 1\).*layer sha256/);
    t.is(ran.stdout, '');
  });
});

test('a base that is damaged elsewhere lends what is good of it, and a repair is served with what it repairs', async (t) => {
  await withBaseAndDelta(async (made) => {
    const { delta, base, newer, python, powershell, trusted, requires, write, folder } = made;
    const left = new Set<string>(requires.map(({ digest }) => digest));
    const lost = powershell.layers.findLast(({ digest }) => !left.has(digest))?.digest ?? '';
    await damage(base, lost);
    t.is((await runCli(['verify', base, '--trusted-keys', trusted])).status, 4);
    const { report } = await serving(made, [delta, base], async (url) => {
      for (const image of newer) await isServed(t, url, image);
      await isNotServed(t, url, powershell);
    });
    t.is(report.lenders?.length, 1);

    const repair = path.join(folder, 'repair');
    const whole = leftOutBy([python, powershell], [python, powershell], 'damaged bundle test 1');
    const intact = { ...whole, requires: whole.requires.filter(({ digest }) => digest !== lost) };
    await write(repair, { sequence: 3, content: contentWith([python, powershell], intact) });
    await serving(made, [repair, base], async (url) => {
      for (const image of [python, powershell]) await isServed(t, url, image);
    });
  });
});
