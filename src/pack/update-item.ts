import { limits } from '../core/limits.ts';
import { PackferryError } from '../core/errors.ts';
import { readFile } from './read-file.ts';
import { unifiedDiff } from './update-diff.ts';
import { checkWritable } from './update-file.ts';
import type { ImagePlace } from './update-places.ts';
import { rewriteScalar } from './update-scalar.ts';

/** A file as it is and as it shall become. */
export interface Rewrite {
  readonly before: Buffer;
  readonly after: Buffer;
  /** As `diff -u` writes it. */
  readonly diff: string;
}

/**
 * Works out the file with another image at its place; writes nothing. Throws `E_PACK_INVALID` when the file cannot be
 * rewritten, or the image is written in a way that cannot be changed beyond doubt.
 */
export async function planRewrite(
  { path, keys, reference }: ImagePlace,
  to: string,
  signal?: AbortSignal,
): Promise<Rewrite> {
  await checkWritable(path);
  const before = await readFile(path, { code: 'E_PACK_INVALID', maxBytes: limits.itemYaml, signal });
  const text = decode(before, path);
  const written = rewriteScalar(text, path, { path: keys, from: reference.written, to });
  return { before, after: Buffer.from(written), diff: unifiedDiff(path, text, written) };
}

/** The text with its byte order mark, if it has one: it goes back into the file. */
function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PackferryError('E_PACK_INVALID', `${path}: no UTF-8 text`, {
      hint: 'Save the file as UTF-8.',
      cause,
    });
  }
}
