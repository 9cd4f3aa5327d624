import { parseRevokedKeys } from '../../trust/revoked-keys.ts';
import { appendLines } from './append.ts';

/** The next revoked_keys, and the keys in it that only this site has revoked: blobs in base64. */
export interface JoinedRevocations {
  readonly bytes: Buffer;
  readonly kept: readonly string[];
}

/**
 * The list of an update, with the keys after it that were revoked here and that it does not know: an update adds to what
 * is revoked, and never takes from it. Their lines stay as they are, with a comment that stood right before them.
 */
export function joinRevocations(
  local: Buffer | undefined,
  update: Buffer,
  version: number,
): JoinedRevocations {
  const here = parseRevokedKeys(local ?? Buffer.alloc(0), 'revoked_keys').lines;
  const there = parseRevokedKeys(update, 'revoked_keys').lines;
  const missing = [...here].filter(([key]) => !there.has(key));
  if (missing.length === 0) return { bytes: update, kept: [] };
  const lines = (local ?? Buffer.alloc(0)).toString('utf8').split(/\r?\n/);
  const kept = missing.flatMap(([, line]) => {
    const above = lines[line - 2] ?? '';
    return [...(above.startsWith('#') ? [above] : []), lines[line - 1] ?? ''];
  });
  return {
    bytes: appendLines(update, [`# kept, revoked here before update ${version}:`, ...kept]),
    kept: missing.map(([key]) => key),
  };
}
