import { open, rename } from 'node:fs/promises';
import { partName } from './names.ts';

/** Writes a small file so that it appears under its name only when it is whole and synced. */
export async function writeFileWhole(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const part = partName(file);
  const handle = await open(part, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
}
