import type { VerifiedSigner } from './verify.ts';

/**
 * The different persons behind signatures, in the order of their first one: two keys of one principal are one, and so is
 * one key that signed twice.
 */
export function distinctPrincipals(
  signers: readonly Pick<VerifiedSigner, 'principal' | 'fingerprint'>[],
): string[] {
  const principals = new Set<string>();
  const keys = new Set<string>();
  for (const { principal, fingerprint } of signers) {
    if (keys.has(fingerprint)) continue;
    keys.add(fingerprint);
    principals.add(principal);
  }
  return [...principals];
}
