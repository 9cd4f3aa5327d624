import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { silent } from '../../src/core/events.ts';
import type { StageFolder } from '../../src/engine/stage/staged-target.ts';
import { openTargets, findTargets } from '../../src/flows/targets.ts';
import { diagnoseEngine } from '../../src/flows/doctor-engines.ts';
import type { SshUser } from '../../src/ssh/settings.ts';
import { setPath } from '../helpers/ssh-engine.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { makeKnown, sshdNeeds, withSshd, type Sshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';
import { familyOf } from '../helpers/thin-delivery.ts';

const { base, lockedBase } = familyOf('far-variables');

/** What every test here does: the engine that the variables name gets an image, and says how it was found. */
async function reached(
  sshd: Sshd,
  url: 'docker:' | 'podman:',
  environment: Readonly<Record<string, string | undefined>>,
  { me = userOf(sshd), ...more }: { readonly me?: SshUser; readonly stage?: StageFolder } = {},
): Promise<{ readonly name: string; readonly foundBy: string | undefined; readonly isThere: boolean }> {
  const ssh = { me, acceptNew: false, ask: undefined };
  const { signal } = new AbortController();
  const options = { environment, ssh, emit: silent, ...more };
  const [target] = await openTargets(await findTargets([url], options), signal);
  if (target === undefined) throw new Error('no target');
  try {
    await target.deliver(lockedBase, composedSource([base]));
    const { confirmed } = await target.confirm(lockedBase);
    const { engine } = await diagnoseEngine(url, { ...options, signal });
    return { name: target.name, foundBy: engine.foundBy, isThere: confirmed };
  } finally {
    await target.close();
  }
}

test.serial(
  'DOCKER_HOST=ssh://... is the engine there, as for docker itself',
  needing([...sshdNeeds, 'dockerd', 'docker'], async (t) => {
    await withDockerd(async ({ socket }) => {
      const options = { config: [setPath], hostKeys: ['ed25519'] as const };
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          const there = `ssh://root@127.0.0.1:${sshd.port}`;
          const byHost = { DOCKER_HOST: there };
          // Staged by way of a folder there, which is not there.
          const stage = { dir: '/nonexistent/folder' };
          await t.throwsAsync(reached(sshd, 'docker:', byHost, { stage }), { code: 'E_TARGET_UNWRITABLE' });
          t.deepEqual(await reached(sshd, 'docker:', byHost), {
            name: `${there}?engine=docker`,
            foundBy: 'DOCKER_HOST',
            isThere: true,
          });
        },
        { ...options, dockerSocket: socket },
      );
      // With the socket written out, which need not be the usual one then.
      await withSshd(async (sshd) => {
        await makeKnown(sshd);
        const there = `ssh://root@127.0.0.1:${sshd.port}`;
        const { name, isThere } = await reached(sshd, 'docker:', { DOCKER_HOST: `${there}${socket}` });
        t.deepEqual({ name, isThere }, { name: `${there}?engine=docker&socket=${socket}`, isThere: true });
      }, options);
    });
  }),
);

test.serial(
  'CONTAINER_HOST and CONTAINER_CONNECTION: the Podman there, with the key that goes with it, as for podman itself',
  needing([...sshdNeeds, 'podman'], async (t) => {
    await withPodman(async ({ socket, folder }) => {
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          const there = `ssh://root@127.0.0.1:${sshd.port}`;
          const name = `${there}?engine=podman&socket=${socket}`;
          // Somebody without any key of their own.
          const knownHosts = path.join(sshd.home, '.ssh', 'known_hosts');
          const me = userOf(sshd, { home: '/nonexistent', knownHosts });
          const byHost = { CONTAINER_HOST: `${there}${socket}`, CONTAINER_SSHKEY: sshd.identity };
          t.deepEqual(await reached(sshd, 'podman:', byHost, { me }), {
            name,
            foundBy: 'CONTAINER_HOST',
            isThere: true,
          });

          const CONTAINERS_CONF = path.join(folder, 'connections.conf');
          await writeFile(
            CONTAINERS_CONF,
            `[engine.service_destinations.far]\nuri = "${there}${socket}"\nidentity = "${sshd.identity}"\n`,
          );
          const home = path.join(folder, 'home');
          await mkdir(home);
          const environment = { PATH: process.env['PATH'], HOME: home, CONTAINERS_CONF };
          const byName = { ...environment, CONTAINER_CONNECTION: 'far' };
          t.deepEqual(await reached(sshd, 'podman:', byName, { me }), {
            name,
            foundBy: 'CONTAINER_CONNECTION=far',
            isThere: true,
          });
          const unknown = { ...environment, CONTAINER_CONNECTION: 'nowhere' };
          await t.throwsAsync(findTargets(['podman:'], { environment: unknown }), {
            code: 'E_ENDPOINT_INVALID',
            message: /CONTAINER_CONNECTION=nowhere/,
          });
        },
        { hostKeys: ['ed25519'] },
      );
    });
  }),
);
