import { stat } from 'node:fs/promises';
import test from 'ava';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { deliversThin, familyOf, podmanOfHas } from '../helpers/thin-delivery.ts';
import { writeProgram } from '../helpers/system-commands.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';
import { withUser } from '../helpers/system-user.ts';

const family = familyOf('other');
const { top, locked } = family;
const { PATH, HOME } = process.env;

test.serial(
  "podman:?as=USER loads into that user's own rootless store, thin where it can, and not into root's",
  needing(['podman', 'sudo', 'useradd', 'newuidmap', 'root'], async (t) => {
    await withUser(async ({ name, uid }) => {
      const connection = await findPodman(`podman:?as=${name}`, { PATH, HOME });
      const target = await openDockerTarget(connection);
      try {
        await deliversThin(t, target, family);
      } finally {
        await target.close();
      }
      await podmanOfHas(t, name, family);
      t.is((await stat(`/home/${name}/.local/share/containers/storage`)).uid, uid);
    });
  }),
);

test.serial(
  'docker:?sudo hands the API of the engine through sudo',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withDockerd(async ({ socket, folder }) => {
      // sudo drops variables: so this one brings back what leads to the engine of the test, and is strict with the rest.
      const bin = await writeProgram(folder, 'sudo', [
        '[ "$1 $2 $3" = "-n -H --" ] || exit 9',
        'shift 3',
        `DOCKER_HOST=unix://${socket} exec "$@"`,
      ]);
      const connection = await findDocker('docker:?sudo', { PATH: `${bin}:${PATH ?? ''}`, HOME });
      const target = await openDockerTarget(connection);
      try {
        t.is(target.name, 'docker:?sudo');
        await target.deliver(locked, composedSource([top]));
        t.like(await target.confirm(locked), { confirmed: true });
      } finally {
        await target.close();
      }
    });
  }),
);

const refused = test.macro(
  async (t, endpoint: string, program: string, lines: readonly string[], code: string, hint: RegExp) => {
    await withTempFolder(async (folder) => {
      const bin = await writeProgram(folder, program, lines);
      const find = endpoint.startsWith('docker:') ? findDocker : findPodman;
      const opening = openDockerTarget(await find(endpoint, { PATH: `${bin}:/usr/bin:/bin`, HOME }));
      const error = await t.throwsAsync(opening, { code });
      t.regex(String(Reflect.get(error, 'hint')), hint);
    });
  },
);

for (const endpoint of ['docker:?sudo', 'podman:?as=demisto']) {
  test(
    `${endpoint}: a sudo that wants a password is told as such, and nobody is asked`,
    refused,
    endpoint,
    'sudo',
    ['echo "sudo: a password is required" >&2', 'exit 1'],
    'E_ENGINE_DENIED',
    /sudoers/,
  );
}
test(
  'a user whom the machine does not know is told as that, not as a matter of passwords',
  refused,
  'podman:?as=nobody-here',
  'sudo',
  ['echo "sudo: unknown user nobody-here" >&2', 'exit 1'],
  'E_ENGINE_DENIED',
  /Name a user of this machine/,
);
test(
  'an engine that the command cannot reach is told in the words of the command',
  refused,
  'docker:?command',
  'docker',
  ['echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2', 'exit 1'],
  'E_ENGINE_UNREACHABLE',
  /Start the engine/,
);
test(
  'a command podman that answers something else is no Podman',
  refused,
  'podman:?command',
  'podman',
  ['echo hello'],
  'E_ENGINE_PROTOCOL',
  /really Podman/,
);

test('a command that is not there', async (t) => {
  const connection = await findPodman('podman:?command', { PATH: '/nonexistent' });
  await t.throwsAsync(openDockerTarget(connection), { code: 'E_ENGINE_UNREACHABLE' });
});
