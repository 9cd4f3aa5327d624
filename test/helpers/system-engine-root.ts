import { accessSync } from 'node:fs';
import path from 'node:path';

/** Where `.ci/engines` puts the engines of a newer Debian: a whole root file system. */
const root = process.env['PACKFERRY_ENGINES'] ?? '/var/tmp/packferry-engines';

/**
 * Runs a command in another root, in a mount namespace of its own: there a plain chroot would not do, since Docker's
 * classic store remounts `/` while it loads. The folder of the service lies in both at the same path.
 */
const inside = `set -e
root=$1 folder=$2
shift 2
mount --bind "$root" "$root"
for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
for each in tmp run var/tmp; do mount -t tmpfs tmpfs "$root/$each"; done
mkdir -p "$root$folder" "$root/run/before"
mount --rbind "$folder" "$root$folder"
cd "$root"
pivot_root . run/before
cd /
umount -l /run/before
exec "$@"`;

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

/** A command line that runs one of the newer engines; `folder` is the service's own. */
export function inEngineRoot(folder: string, { command, args }: Command): Command {
  return {
    command: 'unshare',
    args: [
      ...['--mount', '--propagation', 'private', '--', 'sh', '-c', inside, 'sh', root, folder],
      ...[command, ...args],
    ],
  };
}
