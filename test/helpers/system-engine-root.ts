import { accessSync } from 'node:fs';
import path from 'node:path';

/** Where `.ci/engines` puts the engines of a newer Debian: a whole root file system. */
const root = process.env['PACKFERRY_ENGINES'] ?? '/var/tmp/packferry-engines';

/**
 * Runs a command in another root, in a mount namespace of its own: there a plain chroot would not do, since Docker's
 * classic store remounts `/` while it loads. The folders given lie in both at the same path. Podman keeps locks in /dev/shm,
 * and frees all of them when it finds nothing in /run: so it gets none of the machine's. Podman 5 runs containers only
 * with cgroups v2, which machines with v1 have as well, elsewhere. A user without root may not be let into the one that all
 * processes of the machine are in.
 */
const inside = `set -e
root=$1
who=$2
shift 2
mount --bind "$root" "$root"
for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
[ "$who" = rootless ] || [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2> /dev/null || true
for each in tmp run var/tmp dev/shm; do mount -t tmpfs tmpfs "$root/$each"; done
while [ "$1" != -- ]; do
  mkdir -p "$root$1"
  mount --rbind "$1" "$root$1"
  shift
done
shift
mkdir "$root/run/before"
cd "$root"
pivot_root . run/before
cd /
umount -l /run/before
exec "$@"`;

/** Podman there, whatever stands before it in the PATH. */
export const newerPodman = '/usr/bin/podman';

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** Is the root there? It takes root to use it. */
export function hasEngineRoot(): boolean {
  try {
    accessSync(path.join(root, '.complete'));
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

/** A command line that runs one of the newer engines, which sees these folders of the machine: the service's own and others. */
export function inEngineRoot(
  folders: readonly string[],
  { command, args }: Command,
  who: 'root' | 'rootless' = 'root',
): Command {
  return {
    command: 'unshare',
    args: [
      ...['--mount', '--propagation', 'private', '--', 'sh', '-c', inside, 'sh', root, who],
      ...[...folders, '--', command, ...args],
    ],
  };
}
