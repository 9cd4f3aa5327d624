import { PackferryError } from '../core/errors.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { type Admitted, judgeLine } from './judge-line.ts';
import { loadPublicKey, type LoadedKey } from './loaded-key.ts';
import { fingerprintOf, formatPublicKey } from './public-key.ts';
import { quote } from './quote.ts';
import { revocationOf } from './revoked-keys.ts';
import { decodeSshsig, invalidSignature, signedData, type SshSignature } from './sshsig.ts';

/** The namespace of signatures over a bundle's `SHA256SUMS`. */
export const bundleNamespace = 'bundle@packferry';

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
}

/** A signature that is good in itself. */
interface GoodSignature {
  readonly publicKey: Buffer;
  readonly key: LoadedKey;
  readonly userVerified: boolean;
}

/**
 * Checks a detached signature. `E_SIGNATURE_INVALID` when the file is malformed or the signature wrong, whoever made
 * it; `E_SIGNER_UNTRUSTED` only for a good signature whose key is revoked, not listed, or not for this namespace and time.
 */
export function verifyDetached(options: VerifyOptions): VerifiedSigner {
  const good = checkSignature(decodeSshsig(options.signature, options.signatureName), options);
  const { key } = good;
  const fingerprint = fingerprintOf(key.plain);

  const revoked = revocation(key, options.allowed);
  if (revoked !== undefined) throw untrusted(options, good, [revoked]);
  const judged = options.allowed.signers.flatMap((signer) => judgeLine(signer, good, options) ?? []);
  const admitting = judged.find((line) => 'principal' in line);
  if (admitting !== undefined) return { ...admitting, fingerprint, keyType: key.type.name };
  throw untrusted(
    options,
    good,
    judged.flatMap((line) => ('refusal' in line ? line.refusal : [])),
  );
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
  return { publicKey: signature.publicKey, key, userVerified: proof.userVerified };
}

/** Why a key does not count any more; a revoked authority takes its certificates with it. */
function revocation({ plain, certificate }: LoadedKey, { revoked = [] }: AllowedSigners): string | undefined {
  const own = revocationOf(plain, revoked);
  if (own !== undefined) return `it is revoked (${own})`;
  const authority = certificate && revocationOf(certificate.authority, revoked);
  return authority === undefined ? undefined : `the authority of its certificate is revoked (${authority})`;
}

function untrusted(
  { allowed, namespace, signatureName }: VerifyOptions,
  { key: { plain, type, certificate } }: GoodSignature,
  refusals: readonly string[],
): PackferryError {
  const reason = refusals.length === 0 ? 'it is not listed' : refusals.join('; ');
  const what = certificate === undefined ? 'key' : `certificate ${quote(certificate.keyId)} of the key`;
  return new PackferryError(
    'E_SIGNER_UNTRUSTED',
    `${signatureName}: the ${what} ${fingerprintOf(plain)} (${type.name}) is not trusted by ${allowed.name}: ${reason}`,
    {
      hint:
        certificate === undefined
          ? 'If its owner confirms this fingerprint over another channel, add the line: ' +
            `PRINCIPAL namespaces="${namespace}" ${formatPublicKey({ type: type.name, blob: plain })}`
          : `Certificates are trusted through a line with cert-authority and the key of their authority, here ${fingerprintOf(certificate.authority)}.`,
    },
  );
}
