import { PackferryError } from '../core/errors.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { principalsOf } from './principals.ts';
import { unreadablePublicKey } from './key-envelope.ts';
import { parsePublicKey } from './public-key.ts';
import { quote } from '../core/quote.ts';
import type { Signer } from './signer.ts';
import { admitSigner, type VerifiedSigner } from './verify.ts';

export interface NewSignerOptions {
  /** The file of the key, for messages. */
  readonly name: string;
  readonly allowed: AllowedSigners;
  readonly namespace: string;
  readonly now: Date;
}

/**
 * Who a key is by allowed_signers, before it signs: a signature that would not count is not worth making. Throws
 * `E_KEY_NOT_VALID` for a key that is not listed, revoked, or outside its time or namespace.
 */
export function judgeSigner(
  { publicKey }: Signer,
  { name, allowed, namespace, now }: NewSignerOptions,
): VerifiedSigner {
  const fail = unreadablePublicKey(name);
  const { loaded: key } = parsePublicKey(publicKey, fail);
  try {
    // Whether somebody types a PIN is seen in the signature.
    return admitSigner({ key, userVerified: true }, { allowed, namespace, now, signatureName: name });
  } catch (cause) {
    if (!(cause instanceof PackferryError)) throw cause;
    const { hint } = cause;
    throw new PackferryError('E_KEY_NOT_VALID', cause.message, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}

/** Refuses a second signature by one key or one principal, for it would not count: `E_SIGNED_ALREADY`. */
export function refuseSecond(
  signer: VerifiedSigner,
  before: readonly VerifiedSigner[],
  allowed: AllowedSigners,
): void {
  const principalOf = principalsOf(allowed, [...before, signer]);
  const mine = principalOf(signer);
  for (const other of before) {
    const isSameKey = other.fingerprint === signer.fingerprint;
    if (!isSameKey && (mine === undefined || principalOf(other) !== mine)) continue;
    const who = isSameKey ? `the key ${signer.fingerprint}` : `the principal ${quote(signer.principal)}`;
    const how = isSameKey ? '' : `, with the key ${other.fingerprint}`;
    throw new PackferryError('E_SIGNED_ALREADY', `${who} has signed this bundle already${how}`, {
      hint: 'Principals are counted, not keys. Let somebody else sign.',
    });
  }
}
