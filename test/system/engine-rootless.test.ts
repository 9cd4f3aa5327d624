import { stat } from 'node:fs/promises';
import test from 'ava';
import { silent } from '../../src/core/events.ts';
import { findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { diagnoseEngine } from '../../src/flows/doctor-engines.ts';
import { overSsh, setPath } from '../helpers/ssh-engine.ts';
import { noting } from '../helpers/ssh-user.ts';
import { withRootlessPodman } from '../helpers/system-rootless.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';
import { deliversThin, familyOf } from '../helpers/thin-delivery.ts';

const needs: readonly Need[] = [...sshdNeeds, 'useradd', 'newuidmap'];

// The command that carries the API over SSH is the installed one in any case.
for (const { name, newer, own, ways } of [
  { name: 'installed', newer: false, own: [], ways: ['socket', 'dial-stdio'] },
  { name: 'newer', newer: true, own: ['newer-engines'], ways: ['socket'] },
] as const) {
  test.serial(
    `the ${name} Podman of a user without root, by its own socket: here, and over SSH by ${ways.join(', ')}`,
    needing([...needs, ...own, 'podman'], async (t) => {
      await withRootlessPodman(
        async (podman) => {
          const { user, runtime, socket } = podman;
          const environment = { XDG_RUNTIME_DIR: runtime };
          const connection = await findPodman('podman:', environment);
          t.like(connection, { kind: 'unix', name: `podman:unix://${socket}` });
          const target = await openDockerTarget(connection);
          try {
            await deliversThin(t, target, familyOf(`rootless-${name}`));
          } finally {
            await target.close();
          }
          t.is((await stat(podman.storage)).uid, user.uid, 'it is the store of that user');
          const { signal } = new AbortController();
          const { engine } = await diagnoseEngine('podman:', { environment, emit: silent, signal });
          t.like(engine, { product: 'podman', rootless: true, name: `podman:unix://${socket}` });

          for (const way of ways) {
            const forwarding = `AllowStreamLocalForwarding ${way === 'socket' ? 'yes' : 'no'}`;
            await withSshd(
              async (sshd) => {
                await makeKnown(sshd);
                const { emit, notes } = noting();
                // Its place is found out from who has logged in.
                await overSsh(
                  { sshd, engine: podman },
                  (far) => deliversThin(t, far, familyOf(`rootless-${name}-${way}`)),
                  { user: user.name, query: 'engine=podman', emit },
                );
                const taken =
                  way === 'socket'
                    ? `by the socket ${socket}`
                    : `by the command "podman --url unix://${socket} system dial-stdio"`;
                t.true(notes().includes(taken), notes());
              },
              { user, config: [setPath, forwarding], hostKeys: ['ed25519'] },
            );
          }
        },
        { newer },
      );
    }),
  );
}
