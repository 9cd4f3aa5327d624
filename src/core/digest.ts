import { createHash } from 'node:crypto';
import { PackferryError } from './errors.ts';

/** A content digest, `sha256:` and 64 lower-case hex digits. The only algorithm that bundles use. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

/** Is `text` a digest as the OCI image specification writes sha256 digests? */
export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** Reads a digest; throws `E_DIGEST_INVALID` naming `where` it stood. */
export function parseDigest(text: string, where: string): Digest {
  if (isDigest(text)) return text;
  throw new PackferryError(
    'E_DIGEST_INVALID',
    `${where}: ${JSON.stringify(text.slice(0, 100))} is no sha256 digest`,
    {
      hint: 'A digest is "sha256:" followed by 64 lower-case hex digits.',
    },
  );
}

/** The sha256 digest of bytes that are in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The 64 hex digits of a digest, as they stand in `blobs/sha256/<hex>`. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The first twelve hex digits, as engines print image IDs. For people only: never compare these. */
export function shortDigest(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}
