import { hexOf, digestOf } from '../../core/digest.ts';
import { systemCodeOf } from '../../core/errors.ts';
import { collect } from '../../core/collect.ts';
import type * as z from 'zod';
import { writeWhole } from '../atomic-file.ts';
import { readRange } from '../file-range.ts';
import { regularFileSize } from '../layout-folder.ts';

/** The longest note, in bytes: an image of 500 layers has some 150 KB. */
const maxNote = 1024 * 1024;

/** Writes a note: the hash of its JSON text, a space, and that text. Blobs prove themselves by their names, notes do not. */
export async function writeNote(file: string, value: unknown): Promise<void> {
  const text = Buffer.from(JSON.stringify(value));
  await writeWhole(file, [Buffer.from(`${hexOf(digestOf(text))} `), text]);
}

/** Undefined when there is no such note, or one that is damaged: then it is made anew. */
export async function readNote<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const size = await regularFileSize(file);
  if (size === undefined || size > maxNote) return undefined;
  try {
    const bytes = await collect(readRange(file, 0, maxNote), maxNote, file);
    const text = bytes.subarray(65);
    if (bytes.toString('latin1', 0, 65) !== `${hexOf(digestOf(text))} `) return undefined;
    return schema.safeParse(JSON.parse(text.toString('utf8'))).data;
  } catch (fault) {
    if (fault instanceof SyntaxError || systemCodeOf(fault) === 'ENOENT') return undefined;
    throw fault;
  }
}
