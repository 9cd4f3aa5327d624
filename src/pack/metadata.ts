import { messageOf, PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { packMetadataSchema } from '../schema/pack.ts';

/** What a pack says of itself. */
export interface PackLabel {
  /** What the server knows it by. */
  readonly id?: string;
  readonly name?: string;
  readonly version?: string;
}

/** Reads `pack_metadata.json` or `metadata.json`; empty values count as missing. Throws `E_PACK_INVALID` that names `path`. */
export function readMetadata(bytes: Uint8Array, path: string): PackLabel {
  const parsed = packMetadataSchema.safeParse(parse(bytes, path));
  if (!parsed.success) {
    const what = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new PackferryError('E_PACK_INVALID', `${path}: ${what}`, { cause: parsed.error });
  }
  const { id, name, currentVersion } = parsed.data;
  return {
    ...(isText(id) ? { id } : {}),
    ...(isText(name) ? { name } : {}),
    ...(isText(currentVersion) ? { version: currentVersion } : {}),
  };
}

function isText(value: string | null | undefined): value is string {
  return typeof value === 'string' && value !== '';
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return parseStrictJson(bytes, { name: path, maxBytes: limits.packMetadata });
  } catch (cause) {
    throw new PackferryError('E_PACK_INVALID', messageOf(cause), { cause });
  }
}
