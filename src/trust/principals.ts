import type { AllowedSigners } from './allowed-signers.ts';
import { plainNames } from '../core/pattern-list.ts';
import { fingerprintOf } from './public-key.ts';
import type { VerifiedSigner } from './verify.ts';

/** What counting needs of a signer. */
export type CountedSigner = Pick<VerifiedSigner, 'principal' | 'names' | 'fingerprint'>;

/** How many different principals have signed, at the least. */
export interface Headcount {
  /** One signer for each principal. */
  readonly counted: readonly CountedSigner[];
  /** Signers who add nobody, each with the reason. */
  readonly surplus: readonly { readonly signer: CountedSigner; readonly reason: string }[];
}

/**
 * Counts principals, not keys nor files, and never one twice. Lines of allowed_signers that share a name or a key are
 * of one principal. A signer who could be several of them (a line with a pattern, a certificate with several names)
 * counts only when there is nobody else: it may be one of the others. So another signature never lowers the count.
 */
export function countPrincipals(
  signers: readonly CountedSigner[],
  allowed: Pick<AllowedSigners, 'name' | 'signers'>,
): Headcount {
  const principalOf = principalsOf(allowed, signers);
  const counted = new Map<string, CountedSigner>();
  const surplus: { signer: CountedSigner; reason: string }[] = [];
  const unsure: CountedSigner[] = [];
  for (const signer of signers) {
    const principal = principalOf(signer);
    const before = principal === undefined ? undefined : counted.get(principal);
    if (principal === undefined) unsure.push(signer);
    else if (before === undefined) counted.set(principal, signer);
    else surplus.push({ signer, reason: sameAs(signer, before) });
  }
  const [anybody, ...others] = unsure;
  if (anybody !== undefined && counted.size === 0) counted.set('', anybody);
  else if (anybody !== undefined) others.unshift(anybody);
  const reason = 'it could be one of the others, since more than one name fits it';
  return {
    counted: [...counted.values()],
    surplus: [...surplus, ...others.map((signer) => ({ signer, reason }))],
  };
}

/**
 * Tells which principal a signer is, by a value that is the same for the same principal; undefined for a signer who may
 * be one of several. `signers` are all who signed: a key that signs under several names is of all of them.
 */
export function principalsOf(
  allowed: Pick<AllowedSigners, 'name' | 'signers'>,
  signers: readonly CountedSigner[],
): (signer: CountedSigner) => string | undefined {
  const groups = new Groups();
  for (const { certAuthority, principals, key } of allowed.signers) {
    // An authority is nobody's name: its line says who may be certified.
    if (certAuthority !== true)
      groups.join([keyMark(fingerprintOf(key.blob)), ...(plainNames(principals) ?? []).map(nameMark)]);
  }
  return (signer) => {
    const { fingerprint } = signer;
    const sameKey = [signer, ...signers.filter((other) => other.fingerprint === fingerprint)];
    if (sameKey.some(({ names }) => names.length === 0)) return undefined;
    const marks = sameKey.flatMap(({ names }) => names.map(nameMark));
    const key = keyMark(fingerprint);
    const found = new Set([...marks, ...(groups.has(key) ? [key] : [])].map((mark) => groups.of(mark)));
    const [only] = found;
    return found.size === 1 ? only : undefined;
  };
}

function sameAs(signer: CountedSigner, before: CountedSigner): string {
  if (signer.fingerprint === before.fingerprint) return 'it is the same key again';
  return `it is another key of the principal ${before.principal}`;
}

const keyMark = (fingerprint: string): string => `key ${fingerprint}`;

/** Case and forms of writing do not make another person. */
const nameMark = (name: string): string => `name ${name.normalize('NFKC').toLowerCase()}`;

/** Things that are known to be one. */
class Groups {
  readonly #above = new Map<string, string>();

  has(mark: string): boolean {
    return this.#above.has(mark);
  }

  /** The mark that stands for the group. */
  of(mark: string): string {
    let top = mark;
    for (let above = this.#above.get(top); above !== undefined && above !== top; above = this.#above.get(top))
      top = above;
    return top;
  }

  join(marks: readonly string[]): void {
    const [first] = marks;
    if (first === undefined) return;
    if (!this.#above.has(first)) this.#above.set(first, first);
    for (const mark of marks) this.#above.set(this.of(mark), this.of(first));
  }
}
