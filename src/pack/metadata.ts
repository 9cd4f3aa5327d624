import { limits } from '../core/limits.ts';
import { packMetadataSchema } from '../schema/pack.ts';
import { readJsonFile } from './json-file.ts';

/** What a pack says of itself. */
export interface PackLabel {
  /** What the server knows it by. */
  readonly id?: string;
  readonly name?: string;
  readonly version?: string;
}

/** Reads `pack_metadata.json` or `metadata.json`; empty values count as missing. Throws `E_PACK_INVALID` that names `path`. */
export function readMetadata(bytes: Uint8Array, path: string): PackLabel {
  const options = { name: path, code: 'E_PACK_INVALID', maxBytes: limits.packMetadata } as const;
  const { id, name, currentVersion } = readJsonFile(bytes, packMetadataSchema, options);
  return {
    ...(isText(id) ? { id } : {}),
    ...(isText(name) ? { name } : {}),
    ...(isText(currentVersion) ? { version: currentVersion } : {}),
  };
}

function isText(value: string | null | undefined): value is string {
  return typeof value === 'string' && value !== '';
}
