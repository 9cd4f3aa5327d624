import type { AllowedSigner } from '../../trust/allowed-line.ts';
import { matchesPatternList, plainNames } from '../../core/pattern-list.ts';
import { countPrincipals } from '../../trust/principals.ts';
import { fingerprintOf } from '../../trust/public-key.ts';
import { revocationOf, type RevokedKeys } from '../../trust/revoked-keys.ts';
import { bundleNamespace } from '../../trust/verify.ts';
import type { TrustListReport } from '../../schema/reports-trust.ts';

type Status = TrustListReport['places'][number]['keys'][number]['status'];

/** Whether signatures by the key of a line would count for a bundle now, and if not, why; times count in whole seconds. */
export function standingOf(
  { key, namespaces, validAfter, validBefore }: AllowedSigner,
  revoked: readonly RevokedKeys[],
  now: Date,
): { readonly status: Status; readonly revokedBy?: string } {
  const revokedBy = revocationOf(key.blob, revoked);
  if (revokedBy !== undefined) return { status: 'revoked', revokedBy };
  const second = Math.floor(now.getTime() / 1000) * 1000;
  if (validBefore !== undefined && second > validBefore.getTime()) return { status: 'expired' };
  if (validAfter !== undefined && second < validAfter.getTime()) return { status: 'not yet valid' };
  if (namespaces !== undefined && !matchesPatternList(namespaces, bundleNamespace))
    return { status: 'not for bundles' };
  return { status: 'good' };
}

/** The principals whose bundles count now; undefined where an authority may speak for any number of them. */
export function countingPrincipals(
  signers: readonly AllowedSigner[],
  revoked: readonly RevokedKeys[],
  now: Date,
): string[] | undefined {
  const good = signers.filter((signer) => standingOf(signer, revoked, now).status === 'good');
  if (good.some(({ certAuthority }) => certAuthority)) return undefined;
  const each = good.map(({ principals, key }) => ({
    principal: principals.text,
    names: plainNames(principals) ?? [],
    fingerprint: fingerprintOf(key.blob),
  }));
  return countPrincipals(each, { name: '', signers }).counted.map(({ principal }) => principal);
}
