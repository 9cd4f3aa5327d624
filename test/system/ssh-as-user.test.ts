import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { openStagedTarget } from '../../src/engine/stage/staged-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { overSsh, setPath, type Far } from '../helpers/ssh-engine.ts';
import { noting, userOf } from '../helpers/ssh-user.ts';
import { deliversThin, familyOf, podmanOfHas } from '../helpers/thin-delivery.ts';
import { writeProgram } from '../helpers/system-commands.ts';
import type { Dockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';
import { withUser } from '../helpers/system-user.ts';

const family = familyOf('as');
const { base } = family;

/** There is no engine of the machine. */
const noEngine = { socket: '/nonexistent' } as Dockerd;

test.serial(
  "as=USER over SSH: rootless Podman of another user without a service, by sudo, thin, and not root's store",
  needing([...sshdNeeds, 'podman', 'sudo', 'useradd', 'newuidmap'], async (t) => {
    await withUser(async (user) => {
      const sudoers = `operator ALL=(${user.name}) NOPASSWD: /usr/bin/podman`;
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          const { emit, notes } = noting();
          const far: Far = { sshd, engine: noEngine };
          const query = `engine=podman&as=${user.name}`;
          await overSsh(far, (target) => deliversThin(t, target, family), { user: 'operator', query, emit });
          t.true(notes().includes(`by the command "sudo -n -H -u ${user.name} -- podman load"`), notes());
          await podmanOfHas(t, user.name, family);

          // The staged pieces lie in the home of the one who logs in, where that user may not look.
          const third = composeImage({ base, files: [{ path: 'more', content: noise('as-more', 3000) }] });
          const lockedThird = lockComposed('docker.io/demisto/sample:more', third);
          const endpoint = parseSshEndpoint(`//operator@127.0.0.1:${sshd.port}?${query}`);
          const options = { me: userOf(sshd), acceptNew: false, emit, signal: new AbortController().signal };
          const target = await openStagedTarget(endpoint, options);
          try {
            await target.survey([lockedThird]);
            await target.deliver(lockedThird, composedSource([third]));
            t.like(await target.confirm(lockedThird), { confirmed: true, id: lockedThird.config.digest });
          } finally {
            await target.close();
          }

          // The user who logs in may not do this as anybody else.
          const other = overSsh(far, () => Promise.resolve(), {
            user: 'operator',
            query: 'engine=podman&sudo',
          });
          const error = await t.throwsAsync(other, { instanceOf: PackferryError });
          t.is(error.code, 'E_ENGINE_DENIED', error.message);
          t.true(error.hint?.includes('NOPASSWD'));
          t.true(
            error.errors.some(({ message }) => message.includes('podman info')),
            'all that was tried is told',
          );
        },
        { user, sudoers, config: [setPath], hostKeys: ['ed25519'] },
      );
    });
  }),
);

test.serial(
  'Docker that is there and denied: the Podman that the same user may have is not taken for it',
  needing(sshdNeeds, async (t) => {
    await withTempFolder(async (folder) => {
      await chmod(folder, 0o755);
      const bin = await writeProgram(folder, 'podman', ['echo "nobody asks this one" >&2', 'exit 1']);
      const dockerSocket = path.join(folder, 'docker.sock');
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(dockerSocket, resolve));
      await chmod(dockerSocket, 0o600);
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          const far = { sshd, engine: noEngine };
          const connecting = overSsh(far, () => Promise.resolve(), { user: 'operator', query: '' });
          const error = await t.throwsAsync(connecting, { instanceOf: PackferryError });
          t.is(error.code, 'E_ENGINE_DENIED', error.message);
          t.true(error.hint?.includes('?engine=podman'), error.hint);
          t.false(error.errors.some(({ message }) => message.includes('nobody asks')));
        },
        { dockerSocket, config: [setPath.replace('=', `=${bin}:`)], hostKeys: ['ed25519'] },
      );
      server.close();
    });
  }),
);

test.serial(
  'neither Docker nor Podman in the PATH there: the error tells every way, and what to do',
  needing(sshdNeeds, async (t) => {
    await withSshd(
      async (sshd) => {
        await makeKnown(sshd);
        const connecting = overSsh({ sshd, engine: noEngine }, () => Promise.resolve(), {
          query: 'engine=podman',
        });
        const error = await t.throwsAsync(connecting, { instanceOf: PackferryError });
        t.is(error.code, 'E_ENGINE_UNREACHABLE', error.message);
        t.true(error.hint?.includes('PATH'), error.hint);
        const tried = error.errors.map(({ message }) => message).join('\n');
        t.regex(tried, /the socket \/run\/podman\/podman\.sock/);
        t.regex(tried, /system dial-stdio.* ended with 127/);
        t.regex(tried, /podman load.* ended with 127/);
      },
      { config: ['SetEnv PATH=/nonexistent'], hostKeys: ['ed25519'] },
    );
  }),
);
