import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { mediaOf } from '../../src/cli/media.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

test('the disk of a folder is the one mounted closest above it, with the names that udev has for it', async (t) => {
  await withFolder(async (folder) => {
    const [mounts, links] = [path.join(folder, 'mountinfo'), path.join(folder, 'disk')];
    const usb = path.join(folder, 'my usb');
    await mkdir(path.join(usb, 'soc'), { recursive: true });
    await writeFile(
      mounts,
      [
        '21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw',
        `98 21 8:17 / ${usb.replaceAll(' ', '\\040')} ro,nosuid shared:5 master:2 - vfat /dev/sdb1 ro`,
        `99 21 8:18 / ${path.join(folder, 'my')} ro - vfat /dev/sdc1 ro`,
        'garbled',
      ].join('\n'),
    );
    for (const [name, target] of [
      ['by-id/usb-SanDisk_Ultra_4C53-0:0-part1', '../../sdb1'],
      ['by-id/usb-SanDisk_Ultra_4C53-0:0', '../../sdb'],
      ['by-uuid/1234-ABCD', '../../sdb1'],
      ['by-uuid/other', '../../sda2'],
    ] as const) {
      await mkdir(path.join(links, path.dirname(name)), { recursive: true });
      await symlink(target, path.join(links, name));
    }
    t.deepEqual(await mediaOf(path.join(usb, 'soc'), { mounts, links }), {
      mountPoint: usb,
      fileSystem: 'vfat',
      device: '/dev/sdb1',
      ids: ['by-id/usb-SanDisk_Ultra_4C53-0:0-part1', 'by-uuid/1234-ABCD'],
    });
  });
});

test('a system that does not tell, and a folder that is not there, are no faults', async (t) => {
  await withFolder(async (folder) => {
    t.is(await mediaOf(folder, { mounts: path.join(folder, 'none'), links: folder }), undefined);
    t.is(await mediaOf(path.join(folder, 'none')), undefined);
  });
});
