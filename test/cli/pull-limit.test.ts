import { readdir } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { planReport } from '../../src/schema/reports-plan.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { amd64, scripted } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage, sampleIndex } from '../helpers/registry-images.ts';
import { refuse, serveFrom } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

interface Limited {
  /** Runs a command on a pack that names all images; its cache is kept from run to run. */
  readonly run: (command: 'plan' | 'export' | 'lock', ...more: readonly string[]) => Promise<Ran>;
  /** Begins a new window. Returns how many manifests were given in the last one. */
  readonly nextWindow: () => number;
  /** Manifests that were given in all. */
  readonly given: () => number;
  readonly at: (name: string) => string;
  readonly host: string;
}

interface Limits {
  readonly images: number;
  /** Manifests that are given in a window; heads are free. */
  readonly pulls: number;
  /** Seconds of the windows that follow each other by themselves; else only `nextWindow` begins one. */
  readonly window?: number;
  /** Every image stands behind an index: two manifests each. */
  readonly behindIndex?: boolean;
}

/** Runs with a registry that counts as Docker Hub does. */
async function withLimits(
  t: ExecutionContext,
  { images, pulls, window, behindIndex = false }: Limits,
  use: (limited: Limited) => Promise<void>,
): Promise<void> {
  const content = new MemoryContent();
  for (let at = 1; at <= images; at += 1) {
    const image = sampleImage({ seed: `image ${at}` });
    content.image('demisto/tools', `1.0.0.${at}`, image);
    const index = sampleIndex([{ of: image.manifest, platform: amd64 }]);
    if (behindIndex) content.tag('demisto/tools', `1.0.0.${at}`, index);
  }
  let [used, total, begun] = [0, 0, 0];
  const server = await scripted(t, async (request, response) => {
    if (!request.path.includes('/manifests/')) {
      await serveFrom(content, request, response);
      return;
    }
    if (window !== undefined && Date.now() - begun >= window * 1000) [begun, used] = [Date.now(), 0];
    const isPull = request.method === 'GET';
    const isRefused = isPull && used >= pulls;
    if (isPull && !isRefused) [used, total] = [used + 1, total + 1];
    const seconds = window ?? 21_600;
    const headers = {
      'ratelimit-limit': `${pulls};w=${seconds}`,
      'ratelimit-remaining': `${pulls - used};w=${seconds}`,
      'docker-ratelimit-source': '192.0.2.7',
    };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (isRefused) refuse(response, 429, 'TOOMANYREQUESTS');
    else await serveFrom(content, request, response);
  });
  await withFolder(async (folder) => {
    const at = (name: string): string => `${folder}/${name}`;
    await writeKey(at('key'), at('trusted'));
    const names = Array.from({ length: images }, (_, one) => `${server.host}/demisto/tools:1.0.0.${one + 1}`);
    const pack = await writePack(at('Tools'), names);
    const run: Limited['run'] = (command, ...more) =>
      runCli(
        [
          command,
          pack,
          ...(command === 'export' ? ['-o', at('bundle'), '--key', at('key')] : []),
          ...(command === 'plan' ? [] : ['--lock', at('lock.json')]),
          ...more,
        ],
        { home: at('home') },
      );
    const nextWindow = (): number => {
      const before = used;
      used = 0;
      return before;
    };
    await use({ run, nextWindow, given: () => total, at, host: server.host });
  });
}

async function verified(t: ExecutionContext, { at }: Limited): Promise<void> {
  const ran = await runCli(['verify', at('bundle'), '--trusted-keys', at('trusted')]);
  t.is(ran.status, 0, ran.stderr);
}

test('an export of three times as many images as a registry allows is done in three windows', async (t) => {
  await withLimits(t, { images: 12, pulls: 4 }, async (limited) => {
    const { run, nextWindow, given } = limited;
    for (const window of [1, 2]) {
      const ran = await run('export');
      t.is(ran.status, 5, ran.stderr);
      t.regex(ran.stderr, /E_RATE_LIMITED/);
      t.regex(ran.stderr, / left alone until .*longer than --max-wait/);
      t.true(ran.stderr.includes(`${12 - 4 * window} of 12 images cannot be had`), ran.stderr);
      t.is(nextWindow(), 4, 'no pull is spent on what is known');
    }
    const last = await run('export');
    t.is(last.status, 0, last.stderr);
    t.is(given(), 12);
    await verified(t, limited);
  });
});

test('runs get on although each window allows less than one image needs', async (t) => {
  await withLimits(t, { images: 3, pulls: 1, behindIndex: true }, async (limited) => {
    const { run, nextWindow, given } = limited;
    for (let window = 1; window < 6; window += 1) {
      t.is((await run('export')).status, 5);
      t.is(nextWindow(), 1);
    }
    t.is((await run('export')).status, 0);
    t.is(given(), 6);
    await verified(t, limited);
  });
});

test('--keep-going: each window brings the blobs of its images, the last one the bundle', async (t) => {
  await withLimits(t, { images: 6, pulls: 2 }, async (limited) => {
    const { run, nextWindow, given } = limited;
    for (const missing of [4, 2]) {
      const ran = await run('export', '--keep-going');
      t.is(ran.status, 3, ran.stderr);
      t.true(ran.stderr.includes(`${missing} of 6 images could not be had`), ran.stderr);
      t.is(nextWindow(), 2);
    }
    const last = await run('export', '--keep-going');
    t.is(last.status, 0, last.stderr);
    t.is(given(), 6);
    await verified(t, limited);
  });
});

test('--max-wait: an export that may wait for the windows is done in one run', async (t) => {
  await withLimits(t, { images: 6, pulls: 2, window: 1 }, async (limited) => {
    const ran = await limited.run('export', '--max-wait', '30s');
    t.is(ran.status, 0, ran.stderr);
    t.is(limited.given(), 6);
    await verified(t, limited);
  });
});

test('plan: what it has fetched an export need not; what was refused it needs', async (t) => {
  await withLimits(t, { images: 6, pulls: 4 }, async (limited) => {
    const { run, nextWindow, given, host } = limited;
    const needed = async (): Promise<unknown> => {
      const ran = await run('plan', '--json');
      const { pullLimits } = planReport.parse(JSON.parse(ran.stdout));
      return pullLimits.map(({ registry, remaining, needed: pulls }) => ({ registry, remaining, pulls }));
    };
    const first = await run('plan');
    t.is(first.status, 5, first.stderr);
    t.true(
      first.stderr.includes(`${host} allows 0 more of 4 pulls for 192.0.2.7, an export needs 2`),
      first.stderr,
    );
    t.is(nextWindow(), 4);
    t.deepEqual(await needed(), [{ registry: host, remaining: 2, pulls: 0 }]);
    const again = await run('plan');
    t.is(again.status, 0, again.stderr);
    t.true(again.stderr.includes(`${host}: 2 of 4 pulls in 6 hours remain`), again.stderr);
    t.true(again.stderr.includes('an export needs 0.'), again.stderr);
    t.false(again.stderr.includes('more of 4 pulls'), again.stderr);
    t.deepEqual(await needed(), [{ registry: host, remaining: 2, pulls: 0 }]);
    t.is((await run('export')).status, 0);
    t.is(given(), 6, 'plans and export have fetched each manifest once');
    await verified(t, limited);
  });
});

test('lock, its check and a locked export spend no pull twice, behind indexes neither', async (t) => {
  await withLimits(t, { images: 3, pulls: 6, behindIndex: true }, async (limited) => {
    const { run, given } = limited;
    t.is((await run('lock')).status, 0);
    t.is(given(), 6);
    t.is((await run('lock', '--check')).status, 0);
    const ran = await run('export', '--frozen-lock');
    t.is(ran.status, 0, ran.stderr);
    t.is(given(), 6);
    await verified(t, limited);
  });
});

test('a user without a home keeps no documents, and gets no note of it', async (t) => {
  await withLimits(t, { images: 1, pulls: 100 }, async ({ at, given }) => {
    for (const times of [1, 2]) {
      const ran = await runCli(['plan', at('Tools')]);
      t.is(ran.status, 0, ran.stderr);
      t.false(ran.stderr.includes('cannot be written'), ran.stderr);
      t.is(given(), times);
    }
  });
});

test('documents lie in the folder that XDG_CACHE_HOME names, or in ~/.cache', async (t) => {
  await withLimits(t, { images: 1, pulls: 100 }, async ({ at, run }) => {
    await run('plan');
    t.is((await readdir(at('home/.cache/packferry/documents'))).length, 2, 'manifest and config');
    await runCli(['plan', at('Tools')], { env: { XDG_CACHE_HOME: at('xdg') } });
    t.is((await readdir(at('xdg/packferry/documents'))).length, 2);
  });
});
