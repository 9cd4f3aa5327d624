import { chmod, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import { launcher } from '../helpers/cli.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { execTool } from '../helpers/system-exec.ts';

test('a state folder that others can write is told, since they can forget what was accepted', async (t) => {
  await withSite(async (site) => {
    await runCli(site.exporting);
    await mkdir(site.state);
    await chmod(site.state, 0o775);
    const importing = [...site.importing, '--to', `oci:${site.at('out')}`];
    const loose = await runCli(importing);
    t.is(loose.status, 0, loose.stderr);
    t.regex(loose.stderr, /others may change \S+state \(mode 0775\), which holds what was accepted here/);
    await chmod(path.join(site.state, 'history.jsonl'), 0o666);
    await chmod(site.state, 0o755);
    const file = await runCli(importing);
    t.regex(file.stderr, /others may change \S+history\.jsonl \(mode 0666\)/);
    await chmod(path.join(site.state, 'history.jsonl'), 0o644);
    t.notRegex((await runCli(importing)).stderr, /others may change/);
  });
});

test('what a site remembers is made so that only its user can write it, also by users with a umask of 002', async (t) => {
  await withSite(async (site) => {
    await runCli(site.exporting);
    const words = [process.execPath, launcher, ...site.importing, '--to', `oci:${site.at('out')}`];
    const ran = await execTool('sh', ['-c', 'umask 002; exec "$@"', 'sh', ...words]);
    t.is(ran.status, 0, ran.stderr);
    for (const name of ['', 'history.jsonl', 'receipts', 'receipts/receipt-000001.json'])
      t.is((await stat(path.join(site.state, name))).mode & 0o022, 0, name);
  });
});
