import { createHash } from 'node:crypto';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loaderMachines, putTool, withLoaderSite, type LoaderSite } from '../helpers/loader.ts';
import { sampleReferences } from '../helpers/bundle-fixture.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { engineKinds, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { execOk, type ExecResult } from '../helpers/system-exec.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

const machines = loaderMachines.filter(({ keygen }) => !keygen);
const args = ['allowed_signers', 'builder', 'a bundle'];

function loaded(t: ExecutionContext, { status, stdout, stderr }: ExecResult): void {
  t.is(status, 0, stdout + stderr);
  t.true(stdout.includes(`Loaded: ${sampleReferences.length} images of 1 archives`), stdout);
  for (const reference of sampleReferences) t.true(stdout.includes(`${reference}: as signed`), stdout);
}

function failed(
  t: ExecutionContext,
  { status, stdout, stderr }: ExecResult,
  code: 4 | 6,
  words: string,
): void {
  t.is(status, code, stdout + stderr);
  t.true(stderr.includes(words), stdout + stderr);
  t.false(stdout.includes('Loaded:'), stdout);
}

/** An engine that changes the archive when it is asked whether it is there: after the check, before the load. */
async function meddling(site: LoaderSite, name: string, command: string, at: number): Promise<void> {
  const archive = path.join(site.dir, 'images-001.tar');
  const meddle = `printf X | dd of='${archive}' bs=1 seek=${at} conv=notrunc 2>/dev/null`;
  await putTool(
    site.tools,
    name,
    `PATH=/usr/sbin:/usr/bin:/sbin:/bin\n[ "$1" != images ] || ${meddle}\nexec ${command} "$@"\n`,
  );
}

/** Runs with an engine: the command line for sh that speaks to it, and what it holds. */
async function withEngine(
  kind: EngineKind,
  use: (command: string, run: (args: readonly string[]) => Promise<string>) => Promise<void>,
): Promise<void> {
  if (kind.product === 'podman') {
    await withPodman((podman) => {
      const command = podman.command.map((word) => `'${word}'`).join(' ');
      return use(command, (words) => podman.run(words));
    }, kind.options);
    return;
  }
  await withDockerd((dockerd) => {
    const command = `${systemTools().path('docker')} --host unix://${dockerd.socket}`;
    return use(command, async (words) => (await dockerd.run(words)).stdout);
  }, kind.options);
}

for (const [number, kind] of engineKinds.entries()) {
  test.serial(
    `${kind.name}: load.sh loads in every shell, and nothing is kept of an archive that changes after its check`,
    needing([...kind.needs, 'dash', 'bash', 'busybox', 'openssl'], async (t) => {
      await withEngine(kind, async (command, run) => {
        for (const [turn, machine] of machines.entries()) {
          await withLoaderSite(machine, async (site) => {
            const env = { ENGINE: kind.product };
            const archive = path.join(site.dir, 'images-001.tar');
            const bytes = await readFile(archive);
            // A layer, the list of images, the very end: each engine sees all of them, and so does each shell.
            const places = [bytes.length >> 1, bytes.indexOf('RepoTags'), bytes.length - 1];
            await meddling(site, kind.product, command, places[(number + turn) % places.length] ?? 0);
            failed(t, await site.run({ args, env }), 4, 'changed while it was loaded');
            t.is((await run(['images', '--quiet'])).trim(), '');
            await writeFile(archive, bytes);
            await putTool(
              site.tools,
              kind.product,
              `PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec ${command} "$@"\n`,
            );
            loaded(t, await site.run({ args, env }));
            loaded(t, await site.run({ args, env }));
            await run(['rmi', '--force', ...sampleReferences]);
          });
        }
      });
    }),
  );
}

for (const machine of loaderMachines) {
  const on = (title: string, body: (t: ExecutionContext, site: LoaderSite) => Promise<void>): void => {
    test.serial(
      `load.sh (${machine.title}): ${title}`,
      needing([...machine.needs, 'root'], (t) => withLoaderSite(machine, (site) => body(t, site))),
    );
  };

  on('an engine that is missing, off, not permitted, or says what is not so', async (t, site) => {
    failed(
      t,
      await site.run({ args, env: { ENGINE: 'docker' } }),
      6,
      'docker is not installed; the bundle is good',
    );
    await putTool(site.tools, 'docker', 'echo "permission denied while trying to connect" >&2; exit 1\n');
    failed(t, await site.run({ args }), 6, 'docker does not answer; the bundle is good: permission denied');
    // It ends before it has read its input.
    await putTool(site.tools, 'docker', '[ "$1" = images ] || { echo "no space left on device"; exit 1; }\n');
    const full = await site.run({ args });
    failed(t, full, 6, 'docker could not load images-001.tar');
    t.true(full.stdout.includes('no space left on device'));
    const says = (answer: string, load = ''): Promise<void> =>
      putTool(
        site.tools,
        'docker',
        `[ "$1" != load ] || { cat >/dev/null; ${load}:; }\n[ "$1" != image ] || ${answer}\n`,
      );
    await says('echo "sha256:0000 2"');
    failed(t, await site.run({ args }), 6, 'docker holds another image than the signed one');
    await says('{ echo "no such image" >&2; exit 1; }');
    failed(t, await site.run({ args }), 6, 'docker does not hold it');
    await says('echo "sha256:0000 2"', 'echo "Error unpacking image"; ');
    failed(t, await site.run({ args }), 6, 'docker could not unpack images-001.tar');
  });

  // Podman without root needs ranges of user numbers, which not every machine hands out: a program in Podman's place writes
  // down who runs it, where, and what it is given.
  on('PODMAN_USER: the other user needs no permission on the medium', async (t, site) => {
    const record = path.join(site.folder, 'record');
    await execOk('chmod', ['755', site.folder]);
    await execOk('chmod', ['700', site.dir]);
    await writeFile(record, '');
    await execOk('chmod', ['666', record]);
    const line = 'echo "$(id -un) $(pwd) $HOME ${XDG_RUNTIME_DIR:-none} ${CANARY:-none}';
    await putTool(
      site.tools,
      'podman',
      `case $1 in load) ${line} $(sha256sum)" >>'${record}' ;; image) echo "no such image"; exit 1 ;; esac\n`,
    );
    const env = { PODMAN_USER: 'nobody', XDG_RUNTIME_DIR: '/run/user/0', CANARY: 'from root' };
    failed(t, await site.run({ args, env }), 6, 'podman of nobody does not hold it');
    const sum = createHash('sha256')
      .update(await readFile(path.join(site.dir, 'images-001.tar')))
      .digest('hex');
    const home = (await execOk('sh', ['-c', 'getent passwd nobody | cut -d: -f6'])).trim();
    t.true(
      (await readFile(record, 'utf8')).startsWith(`nobody / ${home} none none ${sum}`),
      await readFile(record, 'utf8'),
    );
    failed(t, await site.run({ args, env: { PODMAN_USER: 'no-such-user' } }), 6, 'there is no user');
  });

  on('an ordinary user asks sudo, which must not ask back', async (t, site) => {
    const record = path.join(site.folder, 'record');
    await writeFile(record, '');
    await execOk('chmod', ['-R', 'go+rX', site.folder]);
    await execOk('chmod', ['666', record]);
    await symlink('/usr/bin/true', path.join(site.tools, 'podman'));
    await putTool(
      site.tools,
      'sudo',
      `printf '%s\\n' "$*" >>'${record}'\necho "a password is required" >&2\nexit 1\n`,
    );
    const result = await site.run({ args, env: { PODMAN_USER: 'daemon' }, uid: 65534 });
    failed(t, result, 6, 'podman of daemon does not answer; the bundle is good: a password is required');
    t.true((await readFile(record, 'utf8')).startsWith('-n -u daemon -- env -i PATH='));
  });
}
