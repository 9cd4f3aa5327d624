import { PackferryError } from '../core/errors.ts';
import type { AllowedSigner } from './allowed-line.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { loadPublicKey, supportedKeyTypes, typeNameOf } from './key-types.ts';
import { matchesPatternList } from './pattern.ts';
import { fingerprintOf, formatPublicKey } from './public-key.ts';
import { quote } from './quote.ts';
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
}

/** Who signed, by the line of allowed_signers that admits the key. */
export interface VerifiedSigner {
  /** The principals of the line as written; they may be patterns. */
  readonly principal: string;
  readonly fingerprint: string;
  readonly keyType: string;
  readonly line: number;
}

/**
 * Checks a detached signature. `E_SIGNATURE_INVALID` when the file is malformed or the signature wrong, whoever made
 * it; `E_SIGNER_UNTRUSTED` only for a good signature whose key is not listed, or not for this namespace and time.
 */
export function verifyDetached(options: VerifyOptions): VerifiedSigner {
  const signature = decodeSshsig(options.signature, options.signatureName);
  const keyType = checkSignature(signature, options);
  const fingerprint = fingerprintOf(signature.publicKey);

  const lines = options.allowed.signers.filter(({ key }) => key.blob.equals(signature.publicKey));
  const judged = lines.map((signer) => ({ signer, refusal: refusalOf(signer, options) }));
  const admitting = judged.find(({ refusal }) => refusal === undefined)?.signer;
  if (admitting !== undefined) {
    return { principal: admitting.principals.text, fingerprint, keyType, line: admitting.line };
  }
  throw untrusted(
    options,
    { type: keyType, blob: signature.publicKey },
    judged.flatMap(({ refusal }) => refusal ?? []),
  );
}

/** Returns the key's type. */
function checkSignature(signature: SshSignature, options: VerifyOptions): string {
  const fail = invalidSignature(options.signatureName);
  if (signature.namespace !== options.namespace) {
    throw fail(`it was made for ${quote(signature.namespace)}, not for ${quote(options.namespace)}`);
  }
  const loaded = loadPublicKey(signature.publicKey, fail);
  if (loaded === undefined) {
    const type = quote(typeNameOf(signature.publicKey, fail));
    throw fail(`it was made by a key of type ${type}; supported are ${supportedKeyTypes}`);
  }
  const data = signedData(signature.namespace, signature.hash, options.message);
  if (!loaded.type.verify(loaded.key, signature.signature, data, fail)) {
    throw fail('it does not belong to this content');
  }
  return loaded.type.name;
}

/** Why a line does not admit its key here and now; undefined when it does. Times count in whole seconds. */
function refusalOf(signer: AllowedSigner, { namespace, now }: VerifyOptions): string | undefined {
  const second = Math.floor(now.getTime() / 1000) * 1000;
  if (signer.namespaces !== undefined && !matchesPatternList(signer.namespaces, namespace)) {
    return `line ${signer.line} admits it for ${quote(signer.namespaces.text)} only, not for ${quote(namespace)}`;
  }
  if (signer.validAfter !== undefined && second < signer.validAfter.getTime()) {
    return `line ${signer.line} admits it only from ${signer.validAfter.toISOString()} on`;
  }
  if (signer.validBefore !== undefined && second > signer.validBefore.getTime()) {
    return `line ${signer.line} admitted it until ${signer.validBefore.toISOString()}`;
  }
  return undefined;
}

function untrusted(
  { allowed, namespace, signatureName }: VerifyOptions,
  key: { readonly type: string; readonly blob: Buffer },
  refusals: readonly string[],
): PackferryError {
  const reason = refusals.length === 0 ? 'it is not listed' : refusals.join('; ');
  return new PackferryError(
    'E_SIGNER_UNTRUSTED',
    `${signatureName}: the key ${fingerprintOf(key.blob)} (${key.type}) is not trusted by ${allowed.name}: ${reason}`,
    {
      hint:
        'If its owner confirms this fingerprint over another channel, add the line: ' +
        `PRINCIPAL namespaces="${namespace}" ${formatPublicKey(key)}`,
    },
  );
}
