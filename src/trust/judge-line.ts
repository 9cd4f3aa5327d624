import { type AllowedSigner, unfitInNames } from './allowed-line.ts';
import { certificateTime, type Certificate } from '../core/ssh-keys/certificate.ts';
import type { LoadedKey } from '../core/ssh-keys/loaded-key.ts';
import { matchesPatternList, plainNames } from '../core/pattern-list.ts';
import { quote } from '../core/quote.ts';

/** What a line of allowed_signers says of a key: whom it stands for, or why not here and now. */
export type Judged = Admitted | { readonly line: number; readonly refusal: string };

export interface Admitted {
  readonly line: number;
  /** The principals of the line as written; they may be patterns. Of a certificate, its first name that they match. */
  readonly principal: string;
  /** Every name that the signer may go by; none when a pattern admits a bare key, which could be anybody's. */
  readonly names: readonly string[];
}

export interface Circumstances {
  readonly namespace: string;
  readonly now: Date;
  readonly userVerification?: boolean;
}

interface Signing {
  readonly key: LoadedKey;
  readonly userVerified: boolean;
}

/** Options of certificates that can be met here; `force-command` and the like make no sense for signatures. */
const verifyRequired = 'verify-required';

/** Undefined when the line speaks of another key. Times count in whole seconds. */
export function judgeLine(
  signer: AllowedSigner,
  signing: Signing,
  circumstances: Circumstances,
): Judged | undefined {
  const { certificate, plain } = signing.key;
  const { line } = signer;
  const speaksOf = signer.certAuthority === true ? certificate?.authority : certificate ? undefined : plain;
  if (speaksOf?.equals(signer.key.blob) !== true) return undefined;
  const refusal = refusalByLine(signer, signing, circumstances);
  if (refusal !== undefined) return { line, refusal };
  if (certificate === undefined)
    return { line, principal: signer.principals.text, names: plainNames(signer.principals) ?? [] };
  const fault = certificateFault(certificate, signing.userVerified, circumstances.now);
  if (fault !== undefined) return { line, refusal: `by line ${line}, but its certificate ${fault}` };
  const matching = certificate.principals.filter(
    (name) => !unfitInNames.test(name) && matchesPatternList(signer.principals, name),
  );
  const [principal] = matching;
  if (principal !== undefined) return { line, principal, names: matching };
  const names = certificate.principals.map(quote).join(', ');
  return {
    line,
    refusal: `line ${line} is for ${quote(signer.principals.text)}, its certificate for ${names === '' ? 'nobody' : names}`,
  };
}

/** Why a line does not admit its key in these circumstances. */
export function refusalByLine(
  signer: AllowedSigner,
  { userVerified }: Pick<Signing, 'userVerified'>,
  { namespace, now, userVerification }: Circumstances,
): string | undefined {
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
  if (userVerification === true && !userVerified) {
    return 'a security key that asks for a PIN or a finger is required';
  }
  return undefined;
}

/** Why a certificate does not hold for a signature at this time. */
export function certificateFault(
  { use, validAfter, validBefore, criticalOptions }: Certificate,
  userVerified: boolean,
  now: Date,
): string | undefined {
  if (use !== 'user') return 'is one of a host';
  const second = BigInt(Math.floor(now.getTime() / 1000));
  if (second < validAfter) return `is valid only from ${certificateTime(validAfter)} on`;
  if (second >= validBefore) return `was valid until ${certificateTime(validBefore)}`;
  const unknown = criticalOptions.filter((name) => name !== verifyRequired);
  if (unknown.length > 0)
    return `has critical options that a signature cannot meet: ${unknown.map(quote).join(', ')}`;
  if (criticalOptions.includes(verifyRequired) && !userVerified)
    return 'requires a security key that asks for a PIN or a finger';
  return undefined;
}
