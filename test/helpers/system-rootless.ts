import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { engineAnswers } from './engine-answers.ts';
import { inEngineRoot, newerPodman, type Command } from './system-engine-root.ts';
import { execOk } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';
import { withUser, type OtherUser } from './system-user.ts';

/** The Podman of a user who is not root, as `systemctl --user start podman.socket` has it. */
export interface RootlessPodman extends Service {
  readonly user: OtherUser;
  /** The folder of what the user runs, as XDG_RUNTIME_DIR names it. */
  readonly runtime: string;
  /** The usual place in it. */
  readonly socket: string;
  /** Where its images lie. */
  readonly storage: string;
}

/**
 * Calls `use` with a rootless Podman, and ends it afterwards with its user. `newer`: that of the engine root. Needs
 * `podman`, `useradd`, `newuidmap` and root.
 */
export async function withRootlessPodman<T>(
  use: (podman: RootlessPodman) => Promise<T>,
  { newer = false }: { readonly newer?: boolean } = {},
): Promise<T> {
  return withUser(async (user) => {
    const folder = await serviceFolder('rootless');
    await chmod(folder, 0o711);
    // Not the user's own home, which the engine root does not have.
    const home = path.join(folder, 'home');
    const runtime = `/run/user/${user.uid}`;
    // The mode below is that of every folder that is made.
    await mkdir(path.dirname(runtime), { recursive: true });
    for (const own of [home, runtime]) {
      await mkdir(own, { recursive: true, mode: 0o700 });
      await chown(own, user.uid, user.uid);
    }
    const socket = path.join(runtime, 'podman', 'podman.sock');
    const service = await startService({
      name: 'podman',
      ...(newer
        ? await withAccount(folder, user, commandOf(newerPodman, user, home, runtime), runtime)
        : commandOf(systemTools().path('podman'), user, home, runtime)),
      folder,
      isReady: () => engineAnswers(socket),
    });
    const storage = path.join(home, '.local', 'share', 'containers', 'storage');
    return usingService({ ...service, user, runtime, socket, storage }, use);
  });
}

function commandOf(program: string, { uid }: OtherUser, home: string, runtime: string): Command {
  const id = String(uid);
  const environment = [`PATH=/usr/sbin:/usr/bin:/sbin:/bin`, `HOME=${home}`, `XDG_RUNTIME_DIR=${runtime}`];
  return {
    command: 'setpriv',
    args: [
      ...['--reuid', id, '--regid', id, '--clear-groups', 'env', '-i', ...environment],
      ...[program, '--storage-driver', 'vfs', 'system', 'service', '--time', '0'],
    ],
  };
}

/** The same command in the engine root, which gets to know the user for as long as it runs. */
async function withAccount(
  folder: string,
  { name }: OtherUser,
  { command, args }: Command,
  runtime: string,
): Promise<Command> {
  for (const [file, text] of [
    ['passwd', await execOk('getent', ['passwd', 'root', name])],
    ['group', await execOk('getent', ['group', 'root', name])],
    ['subuid', await linesOf('/etc/subuid', name)],
    ['subgid', await linesOf('/etc/subgid', name)],
  ] as const)
    await writeFile(path.join(folder, file), text);
  const known = 'for file in passwd group subuid subgid; do mount --bind "$0/$file" "/etc/$file"; done';
  const withThem = `${known}; exec "$@"`;
  const inShell = { command: 'sh', args: ['-e', '-c', withThem, folder, command, ...args] };
  return inEngineRoot([folder, runtime], inShell, 'rootless');
}

async function linesOf(file: string, name: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.startsWith(`${name}:`));
  return `${lines.join('\n')}\n`;
}
