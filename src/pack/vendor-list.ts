import type * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { readFile } from './read-file.ts';

/** Reads a JSON list that the vendor publishes. Throws `E_MANIFEST_INVALID`: the manifest names the file. */
export async function readVendorList<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readFile(file, { code: 'E_MANIFEST_INVALID', maxBytes: limits.vendorList });
  const result = schema.safeParse(parse(bytes, file));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new PackferryError(
    'E_MANIFEST_INVALID',
    `${file}: not the expected list${place}: ${issue?.message ?? 'unreadable'}`,
    { cause: result.error },
  );
}

function parse(bytes: Uint8Array, file: string): unknown {
  try {
    return parseStrictJson(bytes, { name: file, maxBytes: limits.vendorList });
  } catch (cause) {
    throw new PackferryError('E_MANIFEST_INVALID', messageOf(cause), { cause });
  }
}
