import { PackferryError } from '../core/errors.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { type Admitted, judgeLine } from './judge-line.ts';
import { loadPublicKey, type LoadedKey } from '../core/ssh-keys/loaded-key.ts';
import { fingerprintOf, formatPublicKey } from './public-key.ts';
import { quote } from '../core/quote.ts';
import { revocationOf } from './revoked-keys.ts';
import { decodeSshsig, invalidSignature, signedData, type SshSignature } from './sshsig.ts';

/** The namespace of signatures over a bundle's `SHA256SUMS`. */
export const bundleNamespace = 'bundle@packferry';

/** The namespace of signatures over receipts. */
export const receiptNamespace = 'receipt@packferry';

export interface VerifyOptions {
  /** The signed bytes. */
  readonly message: Uint8Array;
  /** The armored signature file, and its name for messages. */
  readonly signature: Uint8Array;
  readonly signatureName: string;
  readonly allowed: AllowedSigners;
  readonly namespace: string;
  /** Decides validity windows. Never the bundle's own date: a stolen key could backdate. */
  readonly now: Date;
  /** Only security keys that asked their user for a PIN or a finger will do. */
  readonly userVerification?: boolean;
}

/** Who signed, by the line of allowed_signers that admits the key. */
export interface VerifiedSigner extends Admitted {
  /** Of the key, also where a certificate stands for it. */
  readonly fingerprint: string;
  readonly keyType: string;
  /** Of the certificate that stands for the key. */
  readonly certificate?: {
    readonly serial: string;
    readonly keyId: string;
    /** Fingerprint of who issued it. */
    readonly authority: string;
  };
  /** Of a key in hardware: somebody touched it, and perhaps it asked for a PIN or a finger. */
  readonly securityKey?: { readonly userPresent: true; readonly userVerified: boolean };
}

/** A signature that is good in itself. */
export interface GoodSignature {
  readonly key: LoadedKey;
  readonly userVerified: boolean;
}

/**
 * Checks a detached signature. `E_SIGNATURE_INVALID` when the file is malformed or the signature wrong, whoever made
 * it; `E_SIGNER_UNTRUSTED` only for a good signature whose key is revoked, not listed, or not for this namespace and time.
 */
export function verifyDetached(options: VerifyOptions): VerifiedSigner {
  return admitSigner(
    checkSignature(decodeSshsig(options.signature, options.signatureName), options),
    options,
  );
}

/** Who a key is by allowed_signers, here and now. Throws `E_SIGNER_UNTRUSTED`. */
export function admitSigner(
  good: GoodSignature,
  options: Omit<VerifyOptions, 'message' | 'signature'>,
): VerifiedSigner {
  const { key } = good;
  const fingerprint = fingerprintOf(key.plain);

  const revoked = revocation(key, options.allowed);
  if (revoked !== undefined) throw untrusted(options, good, [revoked], revokedHint);
  const judged = options.allowed.signers.flatMap((signer) => judgeLine(signer, good, options) ?? []);
  const admitting = judged.find((line) => 'principal' in line);
  if (admitting !== undefined) {
    return { ...admitting, fingerprint, keyType: key.type.name, ...circumstancesOf(good) };
  }
  throw untrusted(
    options,
    good,
    judged.flatMap((line) => ('refusal' in line ? line.refusal : [])),
  );
}

function circumstancesOf({
  key: { certificate, type },
  userVerified,
}: GoodSignature): Pick<VerifiedSigner, 'certificate' | 'securityKey'> {
  // Without a touch there is no good signature of a security key.
  const securityKey = type.name.startsWith('sk-') ? { userPresent: true as const, userVerified } : undefined;
  const issued = certificate && {
    serial: String(certificate.serial),
    keyId: certificate.keyId,
    authority: fingerprintOf(certificate.authority),
  };
  return {
    ...(issued === undefined ? {} : { certificate: issued }),
    ...(securityKey === undefined ? {} : { securityKey }),
  };
}

/** Checks everything that the file itself can show. Throws `E_SIGNATURE_INVALID`. */
export function checkSignature(
  signature: SshSignature,
  { signatureName, namespace, message }: Pick<VerifyOptions, 'signatureName' | 'namespace' | 'message'>,
): GoodSignature {
  const fail = invalidSignature(signatureName);
  if (signature.namespace !== namespace) {
    throw fail(`it was made for ${quote(signature.namespace)}, not for ${quote(namespace)}`);
  }
  const key = loadPublicKey(signature.publicKey, (reason) => fail(`the key that made it: ${reason}`));
  const data = signedData(signature.namespace, signature.hash, message);
  const proof = key.verify(signature.signature, data, fail);
  if (proof === undefined) throw fail('it does not belong to this content');
  return { key, userVerified: proof.userVerified };
}

/** Why a key does not count any more; a revoked authority takes its certificates with it. */
function revocation({ plain, certificate }: LoadedKey, { revoked = [] }: AllowedSigners): string | undefined {
  const own = revocationOf(plain, revoked);
  if (own !== undefined) return `it is revoked (${own})`;
  const authority = certificate && revocationOf(certificate.authority, revoked);
  return authority === undefined ? undefined : `the authority of its certificate is revoked (${authority})`;
}

function untrusted(
  { allowed, namespace, signatureName }: Pick<VerifyOptions, 'allowed' | 'namespace' | 'signatureName'>,
  good: GoodSignature,
  refusals: readonly string[],
  hint?: string,
): PackferryError {
  const { plain, type, certificate } = good.key;
  const reason = refusals.length === 0 ? 'it is not listed' : refusals.join('; ');
  const what = certificate === undefined ? 'key' : `certificate ${quote(certificate.keyId)} of the key`;
  return new PackferryError(
    'E_SIGNER_UNTRUSTED',
    `${signatureName}: the ${what} ${fingerprintOf(plain)} (${type.name}) is not trusted by ${allowed.name}: ${reason}`,
    { hint: hint ?? hintFor(good, refusals, namespace) },
  );
}

const revokedHint =
  'A revoked key never counts again. Let somebody sign whose key is trusted; where that is the only signature, ask for a new bundle.';

/** A key that nobody listed can be added; of one that is, or of a certificate, the line in question tells. */
function hintFor(
  { key: { plain, type, certificate } }: GoodSignature,
  refusals: readonly string[],
  namespace: string,
): string {
  if (certificate !== undefined)
    return `Certificates are trusted through a line with cert-authority and the key of their authority, here ${fingerprintOf(certificate.authority)}.`;
  if (refusals.length > 0)
    return 'Its line says for what and when it counts, and so does the policy. Check the clock, too.';
  const known = formatPublicKey({ type: type.name, blob: plain });
  // For bundles there is a command, which asks for the fingerprint.
  const how =
    namespace === bundleNamespace
      ? `trust it: packferry trust add "${known}" --principal NAME`
      : `add the line: PRINCIPAL namespaces="${namespace}" ${known}`;
  return `If its owner confirms this fingerprint over another channel, ${how}`;
}
