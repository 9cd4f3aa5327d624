import { open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openBundle } from '../../src/bundle/open.ts';
import { silent } from '../../src/core/events.ts';
import { fixtureTime } from '../helpers/bundle-fixture.ts';
import { withHarmedBundle } from '../helpers/damaged-bundle.ts';

/** Counts the bytes that are read of every file, by its number, while `use` runs. */
async function countingReads<T>(some: string, use: (read: Map<number, number>) => Promise<T>): Promise<T> {
  const probe = await open(some, 'r');
  const proto: object = Reflect.getPrototypeOf(probe) ?? probe;
  await probe.close();
  const read = Reflect.get(proto, 'read') as FileHandle['read'];
  const counts = new Map<number, number>();
  Reflect.set(proto, 'read', async function (this: FileHandle, ...args: Parameters<FileHandle['read']>) {
    const { ino } = await this.stat();
    const result = (await Reflect.apply(read, this, args)) as { bytesRead: number };
    counts.set(ino, (counts.get(ino) ?? 0) + result.bytesRead);
    return result;
  });
  try {
    return await use(counts);
  } finally {
    Reflect.set(proto, 'read', read);
  }
}

for (const deep of [false, true]) {
  test.serial(`every byte of a bundle is read once${deep ? ', also with deep' : ''}`, async (t) => {
    await withHarmedBundle(async ({ dir, allowed }) => {
      await countingReads(path.join(dir, 'README.txt'), async (counts) => {
        const bundle = await openBundle(dir, { allowed, now: fixtureTime, emit: silent, deep });
        for (const { file, bytes } of bundle.files) {
          const { ino, size } = await stat(path.join(dir, file));
          t.is(bytes, size);
          t.is(counts.get(ino), size, file);
        }
        t.true(bundle.files.length >= 6);
      });
    });
  });
}
