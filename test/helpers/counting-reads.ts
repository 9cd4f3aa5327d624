import { open, type FileHandle } from 'node:fs/promises';

type Read = (...args: readonly unknown[]) => Promise<{ readonly bytesRead: number }>;

/** Runs `use` with every reading of a file by a handle done by `watch`, which gets what really reads. `some`: any file. */
export async function watchingReads<T>(
  some: string,
  watch: (read: Read, args: readonly unknown[], handle: FileHandle) => ReturnType<Read>,
  use: () => Promise<T>,
): Promise<T> {
  const probe = await open(some, 'r');
  const proto: object = Reflect.getPrototypeOf(probe) ?? probe;
  await probe.close();
  const original = Reflect.get(proto, 'read') as Read;
  Reflect.set(proto, 'read', function (this: FileHandle, ...args: readonly unknown[]) {
    return watch((...given) => Reflect.apply(original, this, given), args, this);
  });
  return use().finally(() => Reflect.set(proto, 'read', original));
}

/** Counts the bytes that are read of every file, by its number, while `use` runs. `some`: any file. */
export async function countingReads<T>(
  some: string,
  use: (read: Map<number, number>) => Promise<T>,
): Promise<T> {
  const counts = new Map<number, number>();
  const count = async (read: Read, args: readonly unknown[], handle: FileHandle): ReturnType<Read> => {
    const { ino } = await handle.stat();
    const result = await read(...args);
    counts.set(ino, (counts.get(ino) ?? 0) + result.bytesRead);
    return result;
  };
  return watchingReads(some, count, () => use(counts));
}
