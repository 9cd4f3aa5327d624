import { readdir } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import {
  refuse,
  serveFrom,
  startScripted,
  type Script,
  type ScriptedServer,
} from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

interface Faulty {
  readonly site: Site;
  readonly registry: ScriptedServer;
  /** Runs a command on a pack that names the images at this registry. */
  readonly run: (command: 'export' | 'plan', ...more: readonly string[]) => Promise<Ran>;
  /** `[digest, first byte]` of every request for a blob since request number `since`. */
  readonly blobs: (since?: number) => [string, number][];
  /** The last layer of an image. */
  readonly layerOf: (image: string) => Promise<{ digest: string; size: number }>;
}

/** Commits a fault and returns true, or leaves the request to a good registry. */
type Faults = (...of: Parameters<Script>) => boolean;

/** Runs with a registry that commits faults. */
async function withFaulty(
  script: (site: Site) => Faults | Promise<Faults>,
  use: (faulty: Faulty) => Promise<void>,
): Promise<void> {
  await withSite(async (site) => {
    const faults = await script(site);
    const registry = await startScripted(async (request, response, before) => {
      if (!faults(request, response, before)) await serveFrom(site.content, request, response);
    });
    try {
      const names = siteReferences.map((reference) => `${registry.host}/${reference}`);
      const pack = await writePack(site.at('Direct'), names);
      const run: Faulty['run'] = (command, ...more) =>
        runCli([
          command,
          pack,
          ...(command === 'export' ? ['-o', site.bundle, '--key', site.key] : []),
          ...more,
        ]);
      const blobs: Faulty['blobs'] = (since = 0) =>
        registry.seen.slice(since).flatMap(({ path, headers }): [string, number][] => {
          const digest = /\/blobs\/(sha256:[0-9a-f]{64})/.exec(path)?.[1];
          const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
          return digest === undefined ? [] : [[digest, from]];
        });
      await use({ site, registry, run, blobs, layerOf: (image) => lastLayer(site, image) });
    } finally {
      await registry.close();
    }
  });
}

async function lastLayer({ content }: Site, image: string): Promise<{ digest: string; size: number }> {
  const [name = '', tag = ''] = image.split(':');
  const manifest = await content.manifest(name, tag);
  const { layers } = JSON.parse(manifest?.bytes.toString() ?? '{}') as {
    layers: { digest: string; size: number }[];
  };
  const layer = layers.at(-1);
  if (layer === undefined) throw new Error(`no layer of ${image}`);
  return layer;
}

const powershell = 'demisto/powershell:7.5.0.1';

/** A layer of wrong bytes and the right length; the first answer only comes to its half when `breaks`. */
async function wrongLayer(site: Site, breaks: boolean, isWrong: () => boolean): Promise<Faults> {
  const { digest, size } = await lastLayer(site, powershell);
  let times = 0;
  return ({ path, headers }, response) => {
    if (!path.includes(digest) || !isWrong()) return false;
    times += 1;
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': size - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {}),
    });
    const wrong = Buffer.alloc(size, 'x');
    if (breaks && times === 1) response.write(wrong.subarray(0, size / 2), () => response.destroy());
    else response.end(wrong.subarray(from));
    return true;
  };
}

test('a blob that is wrong after a break is fetched once more from the start', async (t) => {
  let asked = 0;
  await withFaulty(
    // Wrong are the first half, and the second that comes by range; then all is well.
    (site) => wrongLayer(site, true, () => (asked += 1) <= 2),
    async ({ run, blobs, layerOf, site }) => {
      const ran = await run('export');
      t.is(ran.status, 0, ran.stderr);
      const { digest, size } = await layerOf(powershell);
      const starts = blobs().filter(([asked]) => asked === digest);
      t.deepEqual(starts, [
        [digest, 0],
        [digest, Math.floor(size / 2)],
        [digest, 0],
      ]);
      t.is((await runCli([...site.importing, '--to', `oci:${site.at('target')}`])).status, 0);
    },
  );
});

test('a blob that is wrong from the start: image, blob and host are named, it is not fetched again, not kept', async (t) => {
  let isWrong = true;
  await withFaulty(
    (site) => wrongLayer(site, false, () => isWrong),
    async ({ run, blobs, layerOf, registry }) => {
      const { digest } = await layerOf(powershell);
      const ran = await run('export', '--keep-going');
      t.is(ran.status, 4, 'a failed verification wins over E_PARTIAL');
      t.true(
        ran.stderr.includes(`${powershell}: blob ${digest} from ${registry.host}: expected `),
        ran.stderr,
      );
      t.is(blobs().filter(([asked]) => asked === digest).length, 1);
      const before = registry.seen.length;
      isWrong = false;
      t.is((await run('export')).status, 0);
      t.deepEqual(
        blobs(before).filter(([asked]) => asked === digest),
        [[digest, 0]],
      );
    },
  );
});

test('a mirror that gives wrong content is named, and stops the run', async (t) => {
  await withFaulty(
    (site) => wrongLayer(site, false, () => true),
    async ({ site, registry }) => {
      const manifest = await site.manifestFor('mirrored.yml', registry.host);
      const ran = await runCli(['export', manifest, '-o', site.bundle, '--key', site.key]);
      t.is(ran.status, 4, ran.stderr);
      t.regex(
        ran.stderr,
        new RegExp(
          `E_DIGEST_MISMATCH\\]: docker\\.io/${powershell}: blob sha256:[0-9a-f]+ from ${registry.host}`,
        ),
      );
      t.false((await readdir(site.bundle)).includes('SHA256SUMS.sig'));
    },
  );
});

const lies = test.macro({
  async exec(t: ExecutionContext, by: number, isTold: boolean) {
    await withFaulty(
      async (site) => {
        const { digest, size } = await lastLayer(site, powershell);
        return ({ path }, response) => {
          if (!path.includes(digest)) return false;
          response.writeHead(200, isTold ? { 'content-length': size + by } : {});
          response.end(Buffer.alloc(size + by, 'x'));
          return true;
        };
      },
      async ({ run, layerOf, registry, blobs }) => {
        const { digest, size } = await layerOf(powershell);
        const ran = await run('export');
        t.is(ran.status, 4, ran.stderr);
        t.true(ran.stderr.includes('E_SIZE_MISMATCH'), ran.stderr);
        t.true(
          ran.stderr.includes(`${powershell}: blob ${digest} from ${registry.host}: expected ${size} bytes`),
          ran.stderr,
        );
        t.true(blobs().filter(([asked]) => asked === digest).length <= 6);
      },
    );
  },
  title: (_, by: number, isTold: boolean) =>
    `a manifest that lies about a layer, which has ${by} bytes more${isTold ? '' : ' and no Content-Length'}`,
});
test(lies, 1000, true);
test(lies, 1000, false);
test(lies, -1000, true);
test(lies, -1000, false);

test('--keep-going: an image that cannot be resolved; the next run fetches only what is missing', async (t) => {
  let isGone = true;
  await withFaulty(
    () =>
      ({ path }, response) => {
        if (!isGone || !path.includes('/demisto/powershell/manifests/')) return false;
        refuse(response, 404, 'MANIFEST_UNKNOWN');
        return true;
      },
    async ({ run, blobs, registry, layerOf, site }) => {
      const ran = await run('export', '--keep-going', '--json');
      t.is(ran.status, 3, ran.stderr);
      const { error } = failureReport.parse(JSON.parse(ran.stdout));
      t.is(error.code, 'E_PARTIAL');
      t.regex(error.message, /^1 of 3 images could not be had/);
      t.is(error.errors?.length, 1);
      t.regex(error.errors?.[0]?.message ?? '', /powershell:7\.5\.0\.1: .*Item2\.yml:9/);
      t.true((await readdir(site.bundle)).every((name) => !/^SHA256SUMS|^bundle\.json/.test(name)));
      const fetched = new Set(blobs().map(([digest]) => digest));
      t.true(fetched.has((await layerOf('demisto/python3:3.12.13.1')).digest), 'the others were fetched');

      // Once more with the image still missing: nothing is left to fetch, and the status is the same.
      const middle = registry.seen.length;
      t.is((await run('export', '--keep-going')).status, 3);
      const layers = blobs(middle).filter(([digest]) => digest === [...fetched].at(-1));
      t.deepEqual(layers, []);

      const before = registry.seen.length;
      isGone = false;
      const again = await run('export');
      t.is(again.status, 0, again.stderr);
      const late = await layerOf(powershell);
      const twice = blobs(before).filter(([digest]) => fetched.has(digest));
      t.is(twice.length, 2, 'configs, which are asked for to resolve');
      t.true(blobs(before).some(([digest]) => digest === late.digest));
      t.is((await runCli([...site.importing, '--to', `oci:${site.at('target')}`])).status, 0);
    },
  );
});

test('--keep-going: when nothing can be had, the status is that of the fault', async (t) => {
  await withFaulty(
    () => (_request, response) => {
      refuse(response, 403, 'DENIED');
      return true;
    },
    async ({ run }) => {
      const ran = await run('export', '--keep-going');
      t.is(ran.status, 5, ran.stderr);
      t.true(ran.stderr.includes('E_SOURCE_DENIED'), ran.stderr);
    },
  );
});

test('a registry that asks for patience: the wait is told, then the run goes on', async (t) => {
  let refusals = 0;
  await withFaulty(
    () =>
      ({ path }, response) => {
        if (!path.includes('/blobs/') || (refusals += 1) > 1) return false;
        refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '3' });
        return true;
      },
    async ({ run, registry }) => {
      const ran = await run('export');
      t.is(ran.status, 0, ran.stderr);
      const told = ran.stderr.split('\n').filter((line) => line.startsWith('waiting '));
      t.is(told.length, 1, ran.stderr);
      t.regex(told[0] ?? '', new RegExp(`^waiting .*, until \\d\\d:\\d\\d:\\d\\d: ${registry.host}: .*429`));
    },
  );
});

test('--max-wait: a longer wait ends the run, and says when it would go on', async (t) => {
  await withFaulty(
    () =>
      ({ path }, response) => {
        if (!path.includes('/blobs/')) return false;
        refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '120' });
        return true;
      },
    async ({ run }) => {
      const ran = await run('export', '--max-wait', '90s');
      t.is(ran.status, 5, ran.stderr);
      t.regex(ran.stderr, / wants to be left alone until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
      t.true(ran.stderr.includes('--max-wait'), ran.stderr);
      const usage = await run('export', '--max-wait', 'long');
      t.is(usage.status, 2);
      t.true(usage.stderr.includes('--max-wait'), usage.stderr);
    },
  );
});

test('--timeout and --retries: a registry that falls silent is given up', async (t) => {
  await withFaulty(
    () => (request, response) => {
      if (!request.path.includes('/blobs/')) return false;
      response.writeHead(200).flushHeaders();
      return true;
    },
    async ({ run }) => {
      const ran = await run('plan', '--timeout', '1s', '--retries', '0');
      t.is(ran.status, 5, ran.stderr);
      t.regex(ran.stderr, /the data stopped coming/);
    },
  );
});

const hub = {
  'ratelimit-limit': '100;w=21600',
  'ratelimit-remaining': '2;w=21600',
  'docker-ratelimit-source': '192.0.2.7',
};

test('plan tells the pulls that remain, and warns when an export needs more', async (t) => {
  await withFaulty(
    () =>
      ({ path }, response) => {
        if (path.includes('/manifests/'))
          for (const [name, value] of Object.entries(hub)) response.setHeader(name, value);
        return false;
      },
    async ({ run, registry }) => {
      const ran = await run('plan');
      t.is(ran.status, 0, ran.stderr);
      const line = `${registry.host}: 2 of 100 pulls in 6 hours remain, counted for 192.0.2.7; an export needs 3.`;
      t.true(ran.stderr.includes(line), ran.stderr);
      t.regex(
        ran.stderr,
        /warning: 127\.0\.0\.1:\d+ allows 2 more of 100 pulls for 192\.0\.2\.7, an export needs 3/,
      );
      const json = await run('plan', '--json');
      t.deepEqual(planReport.parse(JSON.parse(json.stdout)).pullLimits, [
        { registry: registry.host, limit: 100, remaining: 2, window: 21_600, source: '192.0.2.7', needed: 3 },
      ]);
    },
  );
});

test('plan says nothing of pulls where no registry does', async (t) => {
  await withSite(async ({ manifest }) => {
    const ran = await runCli(['plan', manifest, '--json']);
    t.deepEqual(planReport.parse(JSON.parse(ran.stdout)).pullLimits, []);
    t.false(ran.stderr.includes('pulls'), ran.stderr);
  });
});
