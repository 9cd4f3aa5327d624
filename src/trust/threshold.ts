import { PackferryError } from '../core/errors.ts';
import type { AllowedSigner } from './allowed-line.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { refusalByLine } from './judge-line.ts';
import { plainNames } from '../core/pattern-list.ts';
import { countPrincipals, type CountedSigner, principalsOf } from './principals.ts';
import { fingerprintOf } from './public-key.ts';
import { quote } from '../core/quote.ts';
import type { TrustPolicy } from './read-policy.ts';
import { revocationOf } from './revoked-keys.ts';

export interface ThresholdOptions {
  /** What was signed, for messages. */
  readonly name: string;
  readonly allowed: AllowedSigners;
  readonly policy: Pick<TrustPolicy, 'name' | 'threshold'>;
  readonly namespace: string;
  readonly now: Date;
}

/** How many who could still sign are named at most. */
const mostNamed = 10;

/** Throws `E_THRESHOLD` when fewer principals have signed than the policy asks for. */
export function checkThreshold(signers: readonly CountedSigner[], options: ThresholdOptions): void {
  const { name, allowed, policy } = options;
  const { counted, surplus } = countPrincipals(signers, allowed);
  if (counted.length >= policy.threshold) return;
  const who = counted.map(wordsFor).join(', ');
  const why = surplus.map(({ signer, reason }) => `; ${wordsFor(signer)} does not count: ${reason}`);
  throw new PackferryError(
    'E_THRESHOLD',
    `${name}: ${policy.name ?? 'the policy'} asks for the signatures of ${policy.threshold} principals, and ` +
      `${counted.length} ${counted.length === 1 ? 'has' : 'have'} signed: ${who}${why.join('')}`,
    { hint: hintFor(counted, options) },
  );
}

function wordsFor({ principal, fingerprint }: CountedSigner): string {
  return `${quote(principal)} (${fingerprint})`;
}

function hintFor(counted: readonly CountedSigner[], options: ThresholdOptions): string {
  const others = othersWho(counted, options);
  if (others.length === 0)
    return `${options.allowed.name} admits nobody else. Trust the key of another person first (packferry trust add KEY --principal NAME), then let him sign: packferry sign BUNDLE --key FILE.`;
  const named = others.slice(0, mostNamed).join(', ');
  const more = others.length > mostNamed ? ` and ${others.length - mostNamed} more` : '';
  return `Where its signer works: packferry sign BUNDLE --key FILE. By ${options.allowed.name} these can sign too: ${named}${more}.`;
}

/** The principals that would raise the count, as their lines name them. */
function othersWho(
  counted: readonly CountedSigner[],
  { allowed, namespace, now }: ThresholdOptions,
): string[] {
  const principalOf = principalsOf(allowed, counted);
  const present = new Set(counted.map(principalOf));
  const others = new Map<string, string>();
  for (const signer of allowed.signers) {
    const { principals, key } = signer;
    const isOut = revocationOf(key.blob, allowed.revoked ?? []) !== undefined;
    if (isOut || refusalByLine(signer, { userVerified: true }, { namespace, now }) !== undefined) continue;
    const words = `${quote(principals.text)}${signer.certAuthority === true ? ' (by certificate)' : ''}`;
    const mark = signer.certAuthority === true ? words : principalOf(asSigner(signer));
    if (mark !== undefined && !present.has(mark) && !others.has(mark)) others.set(mark, words);
  }
  return [...others.values()];
}

function asSigner({ principals, key }: AllowedSigner): CountedSigner {
  const names = plainNames(principals) ?? [];
  return { principal: principals.text, names, fingerprint: fingerprintOf(key.blob) };
}
