import type { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { ImageCheck } from './check-images.ts';
import { openBundleFile, readingFile } from './folder.ts';
import type { ReadVolume } from './read-document.ts';

/**
 * The same comparison for archives that have just been written, of which every blob was hashed on its way: only the
 * documents of the images are read. Returns all faults.
 */
export async function checkWritten(dir: string, volumes: readonly ReadVolume[]): Promise<PackferryError[]> {
  const errors: PackferryError[] = [];
  for (const { file, plan, images, platform } of volumes) {
    const check = new ImageCheck(images, platform);
    const documents = new Set(images.flatMap(({ manifest, config }) => [manifest.digest, config.digest]));
    const handle = await openBundleFile(dir, file);
    try {
      for (const entry of plan.entries) {
        if (entry.kind !== 'blob' || !documents.has(entry.blob.digest)) continue;
        const { size, dataOffset, blob } = entry;
        const wanted = size > limits.imageConfig ? 0 : size;
        const bytes = Buffer.alloc(wanted);
        const read = (): Promise<unknown> => handle.read(bytes, 0, wanted, dataOffset);
        await readingFile(file, read);
        check.take(blob, bytes);
        check.end(blob, true);
      }
    } finally {
      await handle.close();
    }
    errors.push(...check.errors);
  }
  return errors;
}
