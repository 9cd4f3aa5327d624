import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readSmallFile } from '../../src/trust/read-file.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { watchingReads } from '../helpers/counting-reads.ts';

const options = { maxBytes: 100_000, code: 'E_TRUST_UNREADABLE', hint: 'look for it' } as const;

/** Runs with `before` called ahead of every read of a file by a handle, and tells of the room that each read had. */
async function withReads(
  file: string,
  before: (turn: number) => void,
  use: () => Promise<void>,
): Promise<number[]> {
  const rooms: number[] = [];
  await watchingReads(
    file,
    (read, args) => {
      before(rooms.length);
      rooms.push((args[0] as Buffer).length);
      return read(...args);
    },
    use,
  );
  return rooms;
}

test.serial('a file takes as much room as it is long, however high the limit is', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'keys');
    await writeFile(file, 'x'.repeat(10_000));
    const rooms = await withReads(
      file,
      () => undefined,
      async () => {
        const { bytes, stats } = await readSmallFile(file, { ...options, maxBytes: 64 * 1024 * 1024 });
        t.is(bytes.toString(), 'x'.repeat(10_000));
        t.is(stats.size, 10_000);
      },
    );
    t.is(Math.max(...rooms), 10_001);
  });
});

test.serial('a file that grows while it is read is read to its end, or to the limit', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'grows');
    await writeFile(file, 'a'.repeat(5000));
    const growing = (turn: number): void => {
      if (turn < 3) appendFileSync(file, 'b'.repeat(7000));
    };
    await withReads(file, growing, async () => {
      const { bytes } = await readSmallFile(file, options);
      t.is(bytes.toString(), 'a'.repeat(5000) + 'b'.repeat(21_000));
    });
    const endless = (): void => appendFileSync(file, 'c'.repeat(50_000));
    const rooms = await withReads(file, endless, async () => {
      const { message } = await t.throwsAsync(readSmallFile(file, options), { code: 'E_TRUST_UNREADABLE' });
      t.is(message, `${file}: over the limit of 100000 bytes`);
    });
    t.true(rooms.every((room) => room <= 100_001));
  });
});

test.serial(
  'the limit itself may be reached, not one byte more; a size that is far beyond takes no room',
  async (t) => {
    await withFolder(async (folder) => {
      const file = path.join(folder, 'large');
      await writeFile(file, Buffer.alloc(100_000, 'y'));
      t.is((await readSmallFile(file, options)).bytes.length, 100_000);
      for (const size of [100_001, 2 ** 33]) {
        await truncate(file, size);
        const rooms = await withReads(
          file,
          () => undefined,
          async () => {
            await t.throwsAsync(readSmallFile(file, options), {
              code: 'E_TRUST_UNREADABLE',
              message: /over the limit/,
            });
          },
        );
        t.deepEqual(new Set(rooms), new Set([100_001]));
      }
    });
  },
);

test('an empty file is empty, and one that reports no size is read all the same', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'empty');
    await writeFile(file, '');
    t.is((await readSmallFile(file, options)).bytes.length, 0);
    if (process.platform !== 'linux') return;
    const { bytes, stats } = await readSmallFile('/proc/filesystems', options);
    t.is(stats.size, 0);
    t.deepEqual(bytes, await readFile('/proc/filesystems'));
  });
});

test('what is no regular file is refused at once: devices, pipes that nobody writes to, folders, nothing', async (t) => {
  await withFolder(async (folder) => {
    const at = (name: string): string => path.join(folder, name);
    await mkdir(at('folder'));
    execFileSync('mkfifo', [at('pipe')]);
    for (const [file, why] of [
      ['/dev/zero', /not a regular file$/],
      [at('pipe'), /not a regular file$/],
      [at('folder'), /a folder, not a file$/],
      [at('nothing'), /there is no such file$/],
    ] as const) {
      const error = await t.throwsAsync(readSmallFile(file, options), { code: 'E_TRUST_UNREADABLE' });
      t.regex(error.message, why);
      t.like(error, { hint: options.hint });
    }
  });
});
