import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { type AllowedSigners, parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { encodeArmor } from '../../src/trust/armor.ts';
import { bundleNamespace, verifyDetached, type VerifiedSigner } from '../../src/trust/verify.ts';
import { wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';
import type { TestKey } from './keys.ts';

export { newEd25519, newP256, type TestKey } from './keys.ts';

export const message = Buffer.from('what was signed\n');
export const now = new Date('2026-11-23T12:00:00Z');

/** What AVA's `throws` must find. */
export function fault(code: ErrorCode): { instanceOf: typeof PackferryError; code: ErrorCode } {
  return { instanceOf: PackferryError, code };
}

/** Runs `body` with a folder that is gone afterwards. */
export async function withTempDir(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-trust-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What stands in a signature file, field by field. */
export interface SignatureParts {
  readonly magic: string;
  readonly version: number;
  readonly publicKey: Buffer;
  readonly namespace: string;
  readonly reserved: string;
  readonly hash: string;
  /** Changes the signature after it was made. */
  readonly signature: (signature: Buffer) => Buffer;
  readonly tail: string;
}

/** A signature file with some parts forged, but signed so that everything else is in order. */
export function forge(key: TestKey, changes: Partial<SignatureParts> = {}): Buffer {
  const parts: SignatureParts = {
    magic: 'SSHSIG',
    version: 1,
    publicKey: key.blob,
    namespace: bundleNamespace,
    reserved: '',
    hash: 'sha512',
    signature: (signature) => signature,
    tail: '',
    ...changes,
  };
  const digest = createHash(parts.hash === '' ? 'sha512' : parts.hash)
    .update(message)
    .digest();
  const data = Buffer.concat([
    Buffer.from('SSHSIG'),
    ...[parts.namespace, '', parts.hash, digest].map(wireString),
  ]);
  const blob = Buffer.concat([
    Buffer.from(parts.magic),
    wireUint32(parts.version),
    wireString(parts.publicKey),
    ...[parts.namespace, parts.reserved, parts.hash].map(wireString),
    wireString(parts.signature(key.sign(data))),
    Buffer.from(parts.tail),
  ]);
  return Buffer.from(encodeArmor(blob));
}

export function allowedBy(...lines: string[]): AllowedSigners {
  return parseAllowedSigners(Buffer.from(`${lines.join('\n')}\n`), 'allowed_signers');
}

/** Verifies a signature file over `message`, with everything else in order. */
export function verify(signature: Uint8Array, allowed: AllowedSigners, at = now): VerifiedSigner {
  return verifyDetached({
    message,
    signature,
    signatureName: 'SHA256SUMS.sig',
    allowed,
    namespace: bundleNamespace,
    now: at,
  });
}
