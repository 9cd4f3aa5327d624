import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { withStagedFar } from '../helpers/staged-far.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { sshdNeeds } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const [docker] = engineKinds;
if (docker === undefined) throw new Error('no engine');

test.serial(
  '--target-timeout: an engine that stands still behind a server that lives is given up, and the next import goes on',
  needing([...sshdNeeds, ...docker.needs], async (t) => {
    await withStagedFar(docker, async ({ sshd, engine, proxy, url, images }) => {
      await withImportSite(async (site) => {
        const image = composeImage({ files: [{ path: 'app', content: noise('app', 30_000_000) }] });
        const { dir } = await site.make('bundle', { 'docker.io/demisto/app:1': image });
        const argv = [
          ...['import', dir, '--trusted-keys', site.trusted, '--to', url, '--ssh-config', 'none'],
          ...['--identity', sshd.identity, '--known-hosts', path.join(sshd.home, '.ssh', 'known_hosts')],
        ];
        const pid = Number(await readFile(path.join(engine.folder, 'pid'), 'utf8'));
        let isStopped = false;
        proxy.after(proxy.sent() + 5_000_000, () => (isStopped = process.kill(pid, 'SIGSTOP')));
        try {
          const ran = await runCli([...argv, '--target-timeout', '6s']);
          t.true(isStopped);
          t.is(ran.status, 6, ran.stderr);
          t.regex(
            ran.stderr,
            /error\[E_LOAD_FAILED\]: .*app:1: .*for 6 s the load went neither forward nor back\nhint: The engine hangs/,
          );
          t.true(proxy.sent() < 30_000_000, 'no more was sent than a connection holds');
        } finally {
          process.kill(pid, 'SIGCONT');
        }
        t.is(await images(), '', 'nothing is left');
        const again = await runCli(argv);
        t.is(again.status, 0, again.stderr);
        t.is(await images(), image.config.descriptor.digest);
      });
    });
  }),
);
