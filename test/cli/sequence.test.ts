import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { bundleSchema } from '../../src/schema/bundle.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';

const sequenceOf = async (dir: string): Promise<number> =>
  bundleSchema.parse(JSON.parse(await readFile(path.join(dir, 'bundle.json'), 'utf8'))).sequence;

test('the number of a bundle is the time in seconds, unless one is given', async (t) => {
  await withSite(async ({ at, exporting, manifest, key, bundle }) => {
    t.is((await runCli(exporting)).status, 0);
    t.is(await sequenceOf(bundle), Date.parse('2026-11-23T05:00:00Z') / 1000);
    const numbered = ['export', manifest, '-o', at('numbered'), '--key', key, '--sequence', '7'];
    t.is((await runCli(numbered)).status, 0);
    t.is(await sequenceOf(at('numbered')), 7);
  });
});

test('a bundle that is there under another number is not taken for the one that was asked for', async (t) => {
  await withSite(async ({ exporting, bundle }) => {
    t.is((await runCli([...exporting, '--sequence', '7'])).status, 0);
    t.regex((await runCli(exporting)).stderr, /already holds this bundle: soc 7/);
    t.is((await runCli([...exporting, '--sequence', '7'])).status, 0);
    const other = await runCli([...exporting, '--sequence', '8']);
    t.is(other.status, 2, other.stderr);
    t.regex(other.stderr, /error\[E_OUTPUT_EXISTS\]: .*bundle holds another bundle/);
    t.is(await sequenceOf(bundle), 7);
  });
});
