import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { scripted } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

interface Moving {
  /** Lets the tag `TAG` of the one repository stand for the image of this seed. */
  readonly put: (tag: string, seed: string) => void;
  readonly run: (command: string, ...more: readonly string[]) => Promise<Ran>;
  readonly nameOf: (tag: string) => string;
  readonly at: (name: string) => string;
}

/** A registry, and a pack that names two tags of it. */
async function withMoving(t: ExecutionContext, use: (moving: Moving) => Promise<void>): Promise<void> {
  const content = new MemoryContent();
  const put: Moving['put'] = (tag, seed) => void content.image('demisto/tools', tag, sampleImage({ seed }));
  const server = await scripted(t, (request, response) => serveFrom(content, request, response));
  await withFolder(async (folder) => {
    const at = (name: string): string => `${folder}/${name}`;
    const nameOf = (tag: string): string => `${server.host}/demisto/tools:${tag}`;
    await writeKey(at('key'), at('trusted'));
    const pack = await writePack(at('Tools'), [nameOf('1.0.0.1'), nameOf('1.0.0.2')]);
    put('1.0.0.1', 'first');
    put('1.0.0.2', 'second');
    const run: Moving['run'] = (command, ...more) => {
      const out = command === 'export' ? ['-o', at('bundle'), '--key', at('key')] : [];
      return runCli([command, pack, '--lock', at('lock.json'), ...out, ...more], { home: at('home') });
    };
    await use({ put, run, nameOf, at });
  });
}

test('a tag that moves between lock and export: a plain export says which one, and writes nothing', async (t) => {
  await withMoving(t, async ({ put, run, nameOf, at }) => {
    t.is((await run('lock')).status, 0);
    put('1.0.0.1', 'moved');
    const ran = await run('export');
    t.is(ran.status, 4, ran.stderr);
    t.true(ran.stderr.includes(`error[E_TAG_MOVED]: ${nameOf('1.0.0.1')}: moved since `), ran.stderr);
    t.regex(ran.stderr, /locked to sha256:\w{64}, now sha256:\w{64}\nhint: .*"packferry lock"/);
    t.false(ran.stderr.includes(`${nameOf('1.0.0.2')}: moved`), ran.stderr);
    t.false(existsSync(at('bundle')));
    const { error } = failureReport.parse(JSON.parse((await run('export', '--json')).stdout));
    t.is(error.code, 'E_TAG_MOVED');

    // What is missing is not passed over in silence where the others are to be fetched.
    const others = await run('export', '--keep-going');
    t.is(others.status, 4, others.stderr);
    t.true(others.stderr.includes(`${nameOf('1.0.0.1')}: moved since `), others.stderr);
    t.regex(others.stderr, /error\[E_PARTIAL\]: 1 of 2 images could not be had; .*no bundle is written/);
  });
});

test('a tag that moved: --frozen-lock takes what was locked, and a new lock what is there now', async (t) => {
  await withMoving(t, async ({ put, run }) => {
    t.is((await run('lock')).status, 0);
    put('1.0.0.1', 'moved');
    const frozen = await run('export', '--frozen-lock');
    t.is(frozen.status, 0, frozen.stderr);
    const stale = await run('lock', '--check');
    t.is(stale.status, 2, stale.stderr);
    t.regex(stale.stderr, /error\[E_LOCK_STALE\]/);
    t.is((await run('lock')).status, 0);
    t.is((await run('lock', '--check')).status, 0);
  });
});

test('two tags that have moved are told in one run', async (t) => {
  await withMoving(t, async ({ put, run, nameOf }) => {
    t.is((await run('lock')).status, 0);
    put('1.0.0.1', 'moved');
    put('1.0.0.2', 'moved too');
    const ran = await run('export');
    t.is(ran.status, 4, ran.stderr);
    for (const tag of ['1.0.0.1', '1.0.0.2'])
      t.true(ran.stderr.includes(`${nameOf(tag)}: moved since`), ran.stderr);
  });
});
