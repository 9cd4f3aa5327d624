import type { TrustedKeyReport } from '../../schema/reports-trust.ts';
import type { AllowedSigner } from '../../trust/allowed-line.ts';
import { fingerprintOf } from '../../trust/public-key.ts';

/** What a line of allowed_signers says, as reports show it. */
export function reportKey({
  principals,
  key,
  certAuthority,
  namespaces,
  validAfter,
  validBefore,
}: AllowedSigner): TrustedKeyReport {
  return {
    principals: principals.text,
    keyType: key.type,
    fingerprint: fingerprintOf(key.blob),
    authority: certAuthority === true,
    ...(namespaces === undefined ? {} : { namespaces: namespaces.text }),
    ...(validAfter === undefined ? {} : { validAfter: validAfter.toISOString() }),
    ...(validBefore === undefined ? {} : { validBefore: validBefore.toISOString() }),
  };
}

/** Do two lines say the same of the same key? Their comments do not matter. */
export function saysTheSame(one: AllowedSigner, other: AllowedSigner): boolean {
  return JSON.stringify(reportKey(one)) === JSON.stringify(reportKey(other));
}
