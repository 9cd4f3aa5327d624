import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Receipt } from '../schema/receipt.ts';

/** Where the system tells of its disks; tests have their own. */
export interface MediaPlaces {
  /** proc_pid_mountinfo(5). */
  readonly mounts: string;
  /** Folders of links to block devices, named by what udev knows of them. */
  readonly links: string;
}

const linux: MediaPlaces = { mounts: '/proc/self/mountinfo', links: '/dev/disk' };

type Media = NonNullable<NonNullable<Receipt['bundle']>['media']>;

/**
 * The disk that a folder lies on, with the names that udev has for it: model and serial number, UUID, label. Undefined
 * where the system does not tell, as in many containers and on other systems than Linux.
 */
export async function mediaOf(
  dir: string,
  { mounts, links }: MediaPlaces = linux,
): Promise<Media | undefined> {
  try {
    const folder = await realpath(dir);
    const found = (await readFile(mounts, 'utf8'))
      .split('\n')
      .flatMap((line) => readMount(line) ?? [])
      .filter(({ mountPoint }) => isBelow(folder, mountPoint))
      // Of mounts over each other the last one counts.
      .reduce<Omit<Media, 'ids'> | undefined>(
        (best, mount) =>
          best === undefined || mount.mountPoint.length >= best.mountPoint.length ? mount : best,
        undefined,
      );
    return found === undefined ? undefined : { ...found, ids: await idsOf(found.device, links) };
  } catch {
    return undefined;
  }
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw` */
function readMount(line: string): Omit<Media, 'ids'> | undefined {
  const [before = '', after = ''] = line.split(' - ');
  const mountPoint = before.split(' ')[4];
  const [fileSystem, device] = after.split(' ');
  if (mountPoint === undefined || fileSystem === undefined || device === undefined) return undefined;
  return { mountPoint: plain(mountPoint), fileSystem, device: plain(device) };
}

/** Spaces and their like are written in octal. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function isBelow(folder: string, mountPoint: string): boolean {
  const relative = path.relative(mountPoint, folder);
  return relative === '' || !(relative === '..' || relative.startsWith(`..${path.sep}`));
}

async function idsOf(device: string, links: string): Promise<string[]> {
  const ids: string[] = [];
  for (const kind of ['by-id', 'by-uuid', 'by-label']) {
    const folder = path.join(links, kind);
    for (const name of await readdir(folder).catch(() => [])) {
      const target = await readlink(path.join(folder, name)).catch(() => '');
      if (path.basename(target) === path.basename(device)) ids.push(`${kind}/${name}`);
    }
  }
  return ids.sort();
}
