import type { KeyType } from '../core/names.ts';
import { allowedSignersLine } from '../trust/allowed-signers-line.ts';
import { writeKeyPair } from '../trust/key-pair-files.ts';
import { generateKeyPair } from '../trust/keygen.ts';
import { bundleNamespace } from '../trust/verify.ts';
import { reportVersion, type KeygenReport } from '../schema/reports.ts';

export interface KeygenOptions {
  /** The private key; the public key goes beside it as `.pub`. Neither may exist. */
  readonly file: string;
  readonly type: KeyType;
  /** The name by which sites know the signer. */
  readonly principal: string;
  readonly passphrase: string | undefined;
}

/** Makes a signing key and the line that makes a site trust it for bundles. */
export async function generateSigningKey({
  file,
  type,
  principal,
  passphrase,
}: KeygenOptions): Promise<KeygenReport> {
  const secret = passphrase === undefined ? {} : { passphrase };
  const pair = await generateKeyPair({ type, comment: principal, ...secret });
  const allowedSigners = allowedSignersLine({
    principal,
    publicKey: pair.publicKey,
    namespace: bundleNamespace,
  });
  await writeKeyPair(file, pair);
  return {
    schemaVersion: reportVersion,
    privateKey: file,
    publicKey: `${file}.pub`,
    fingerprint: pair.fingerprint,
    allowedSigners,
  };
}
