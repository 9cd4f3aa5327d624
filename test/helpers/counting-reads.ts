import { open, type FileHandle } from 'node:fs/promises';

/** Counts the bytes that are read of every file, by its number, while `use` runs. `some`: any file. */
export async function countingReads<T>(
  some: string,
  use: (read: Map<number, number>) => Promise<T>,
): Promise<T> {
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
