import type * as z from 'zod';
import { limits } from '../core/limits.ts';
import { readJsonFile } from './json-file.ts';
import { readFile } from './read-file.ts';

/** Reads a JSON list that the vendor publishes. Throws `E_MANIFEST_INVALID`: the manifest names the file. */
export async function readVendorList<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const options = { code: 'E_MANIFEST_INVALID', maxBytes: limits.vendorList } as const;
  return readJsonFile(await readFile(file, options), schema, { name: file, ...options });
}
