import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { refuse, startScripted } from '../helpers/registry-scripted.ts';

test('export is refused: a folder that will not do, before any registry is asked', async (t) => {
  await withSite(async ({ at, key, bundle }) => {
    const registry = await startScripted((_request, response) => {
      refuse(response, 404, 'MANIFEST_UNKNOWN');
    });
    try {
      const manifest = at('asks.yml');
      await writeFile(
        manifest,
        `schema: packferry.export/v1\nname: soc\npacks: [{ path: Packs }]\nregistries: { docker.io: { location: "${registry.host}" } }\n`,
      );
      await mkdir(bundle);
      await writeFile(`${bundle}/thesis.txt`, 'precious');
      const foreign = await runCli(['export', manifest, '-o', bundle, '--key', key]);
      t.regex(foreign.stderr, /E_OUTPUT_EXISTS/);
      const named = await runCli([
        'export',
        manifest,
        '-o',
        at('new'),
        '--key',
        key,
        '--authfile',
        at('none'),
      ]);
      t.is(named.status, 2);
      t.regex(named.stderr, /error\[E_CREDENTIALS\]: .*none: no such file\n/, 'told once, and of no image');
      t.is(registry.seen.length, 0);
    } finally {
      await registry.close();
    }
  });
});

test('a folder in which nothing can be made ends with an error, and does not hang', async (t) => {
  await withSite(async ({ key, manifest, exporting, importing }) => {
    const nowhere = '/proc/packferry/deep';
    const out = await runCli(['export', manifest, '-o', nowhere, '--key', key]);
    t.regex(out.stderr, /error\[E_OUTPUT_UNWRITABLE\]: \/proc\/packferry\/deep .*\nhint: /);
    t.is((await runCli(exporting)).status, 0);
    const to = await runCli([...importing, '--to', `oci:${nowhere}`]);
    t.regex(to.stderr, /error\[E_TARGET_UNWRITABLE\]: .*no folder can be made in \/proc\n *hint: /);
    const state = await runCli([...importing.slice(0, -1), nowhere, '--to', 'oci:/nowhere']);
    t.regex(state.stderr, /error\[E_RECEIPT_UNWRITABLE\]: .*no folder can be made in \/proc\nhint: /);
  });
});

test('where a result cannot be written, that is told before the work, and leaves no receipt', async (t) => {
  await withSite(async ({ at, bundle, manifest, trusted, state }) => {
    const file = at('nowhere', 'result.json');
    const lock = await runCli(['lock', manifest, '--lock', file]);
    const inventory = await runCli(['inventory', '--from', 'docker:unix:///nowhere', '-o', file]);
    const verified = ['verify', bundle, '--trusted-keys', trusted, '--state', state];
    const verify = await runCli([...verified, '--damage', file]);
    for (const { status, stderr } of [lock, inventory, verify]) {
      t.is(status, 2);
      t.regex(stderr, /^error\[E_OUTPUT_UNWRITABLE\]: .*: the folder .*nowhere does not exist\nhint: /m);
    }
    t.false(existsSync(state));
  });
});

test('a slip of the pen leaves no receipt, and is not told after one', async (t) => {
  await withSite(async ({ importing, exporting, at, state, bundle, trusted }) => {
    t.is((await runCli(exporting)).status, 0);
    const to = ['--to', `oci:${at('target')}`];
    const from = ['--from', `bundle:${bundle}`, '--trusted-keys', trusted, '--state', state];
    const slips = [
      [...importing, '--to', 'dokcer:'],
      [...importing, ...to, '--image', 'UPPER'],
      [...importing, ...to, '--retag', 'nonsense'],
      ['copy', 'demisto/*', 'demisto/[', ...from, ...to],
      ['copy', 'demisto/*', 'UPPER', ...from, ...to],
    ];
    for (const slip of slips) {
      const { status, stderr } = await runCli(slip);
      t.is(status, 2, stderr);
      t.regex(stderr, /^error\[/);
    }
    t.false(existsSync(state));
  });
});

test('keygen says that the key is there before it asks for a passphrase', async (t) => {
  await withSite(async ({ key }) => {
    const { status, stderr } = await runCli(['keygen', '-o', key]);
    t.is(status, 2);
    t.regex(stderr, /^error\[E_OUTPUT_EXISTS\]/);
  });
});
