import { open, rm, type FileHandle } from 'node:fs/promises';
import { onDisk } from '../atomic-file.ts';
import type { TarOptions } from '../tar/read-tar.ts';
import { readSave } from './read-save.ts';
import type { SaveContents } from './saved-image.ts';
import { savedImages } from './saved-images.ts';
import type { Spool } from './spool.ts';
import type { OpenSave } from './take-image.ts';

/** A save as a file, with what is in it. */
export interface ReceivedSave extends OpenSave {
  readonly contents: SaveContents;
  /** Removes the file. */
  close(): Promise<void>;
}

/**
 * Writes a save that comes as a stream into a file in the spool, and reads it strictly on the way: at the end all of it
 * was checked. Errors: those of `readSave` and `savedImages`, `E_DISK_FULL`, `E_TARGET_UNWRITABLE`, and those of the
 * stream. Disk: the save as it comes, until `close`; memory: that of `readSave`.
 */
export async function receiveSave(
  stream: AsyncIterable<Buffer>,
  spool: Spool,
  options: TarOptions,
): Promise<ReceivedSave> {
  const file = spool.temporaryFile();
  const close = (): Promise<void> => rm(file, { force: true });
  const handle = await onDisk(file, () => open(file, 'wx', 0o600));
  try {
    try {
      const files = await readSave(written(stream, handle, file), options);
      return { file, name: options.name, contents: savedImages(files), close };
    } finally {
      await handle.close();
    }
  } catch (fault) {
    await close();
    throw fault;
  }
}

async function* written(
  stream: AsyncIterable<Buffer>,
  handle: FileHandle,
  file: string,
): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    await onDisk(file, () => handle.writeFile(chunk));
    yield chunk;
  }
}
