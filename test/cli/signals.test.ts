import { spawn, type ChildProcess } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import process from 'node:process';
import test from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { launcher } from '../helpers/cli.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite } from '../helpers/cli-site.ts';
import { startSlow, type SlowRegistry } from '../helpers/cli-slow-registry.ts';

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{
    readonly status: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
  /** Resolves when what stands on stderr is as wanted. */
  readonly says: (isThere: (stderr: string) => boolean) => Promise<void>;
}

function start(argv: readonly string[]): Started {
  const child = spawn(process.execPath, [launcher, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.once('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
  const says: Started['says'] = async (isThere) => {
    while (!isThere(stderr)) await new Promise((resolve) => child.stderr.once('data', resolve));
  };
  return { child, ended, says };
}

/** Each image of the site has one layer of its own, too small to stall. */
const smallLayers = siteReferences.length;
/** Manifests, configs and small layers: what an export can finish while the large layers stall. */
const smallBlobs = 3 * siteReferences.length;

/** Waits until everything has been fetched but the large layers, which are half there. */
async function halfWay(run: Started, registry: SlowRegistry): Promise<void> {
  await registry.stalled;
  await run.says((stderr) => stderr.split('\npulled blob ').length > smallBlobs);
}

const interrupted = test.macro({
  async exec(t, signal: 'SIGINT' | 'SIGTERM', status: number, code: string) {
    t.timeout(60_000);
    await withSite(async ({ content, manifestFor, bundle, key, importing, at }) => {
      const registry = await startSlow(content);
      try {
        const manifest = await manifestFor('slow.yml', registry.host);
        const argv = ['export', manifest, '-o', bundle, '--key', key];
        const run = start([...argv, '--json', '-v']);
        await halfWay(run, registry);
        run.child.kill(signal);
        const { status: ended, stdout, stderr } = await run.ended;
        t.is(ended, status, stderr);
        t.is(failureReport.parse(JSON.parse(stdout)).error.code, code);
        t.true(stderr.includes(`error[${code}]: `) && stderr.includes('hint: '), stderr);
        t.false(/aborted|failed/.test(stderr), stderr);
        const left = await readdir(bundle);
        t.true(left.includes('export.journal') && left.includes('images-001.tar.part'), left.join(' '));
        t.false(left.includes('SHA256SUMS.sig'));
        const refused = await runCli(importing);
        t.is(refused.status, 4);
        t.true(refused.stderr.includes('has not finished'), refused.stderr);

        const first = registry.blobs();
        registry.hurry();
        const again = await runCli(argv);
        t.is(again.status, 0, again.stderr);
        const finished = first.filter((digest) => !registry.blobs().slice(first.length).includes(digest));
        t.is(finished.length, smallLayers, 'what was finished is not fetched again');
        t.is((await runCli([...importing, '--to', `oci:${at('target')}`], { now: new Date() })).status, 0);
      } finally {
        await registry.close();
      }
    });
  },
  title: (_, signal: string) =>
    `${signal} in the middle of an export: a rerun goes on, and the bundle is good`,
});
test.serial(interrupted, 'SIGINT', 130, 'E_INTERRUPTED');
test.serial(interrupted, 'SIGTERM', 143, 'E_TERMINATED');

test.serial('the second Ctrl-C ends at once', async (t) => {
  t.timeout(60_000);
  await withSite(async ({ content, manifestFor, bundle, key }) => {
    const registry = await startSlow(content);
    try {
      const run = start(['export', await manifestFor('slow.yml', registry.host), '-o', bundle, '--key', key]);
      await registry.stalled;
      // Both are pending when the process goes on: the second finds the first one's abort just begun.
      run.child.kill('SIGSTOP');
      run.child.kill('SIGINT');
      run.child.kill('SIGTERM');
      run.child.kill('SIGCONT');
      const { status, stderr } = await run.ended;
      t.true(status === 143 || status === 130, `${String(status)} ${stderr}`);
      t.false(stderr.includes('error['), 'it did not wait for the run to end');
    } finally {
      await registry.close();
    }
  });
});

test.serial('a reader that closes stdout early is no fault', async (t) => {
  await withSite(async ({ manifest, bundle, exporting }) => {
    t.is((await runCli(exporting)).status, 0);
    for (const argv of [['plan', manifest], ['inspect', bundle, '--json'], ['--help']]) {
      const run = start([...argv]);
      run.child.stdout?.destroy();
      const { status, stderr } = await run.ended;
      t.is(status, 0, stderr);
      t.false(/EPIPE|error/.test(stderr), stderr);
    }
  });
});

test.serial('a reader that closes stderr early does not end the export', async (t) => {
  await withSite(async ({ exporting, importing, at }) => {
    const run = start(exporting);
    run.child.stderr?.destroy();
    t.is((await run.ended).status, 0);
    t.is((await runCli([...importing, '--to', `oci:${at('target')}`], { now: new Date() })).status, 0);
  });
});

test.serial('stdout that cannot be written is told, with status 1', async (t) => {
  const full = await open('/dev/full', 'w').catch(() => undefined);
  if (full === undefined) {
    t.log(`left out: ${t.title} (no /dev/full)`);
    t.pass();
    return;
  }
  try {
    const child = spawn(process.execPath, [launcher, '--help'], { stdio: ['ignore', full.fd, 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const status = await new Promise((resolve) => child.once('close', resolve));
    t.is(status, 1, stderr);
    t.regex(stderr, /^error\[E_IO\]: stdout cannot be written: .*ENOSPC/);
  } finally {
    await full.close();
  }
});
