import type { TrustChanges, TrustedKeyReport } from '../../schema/reports-trust.ts';
import { visible } from './visible.ts';

/** What a key may do, in a few words. */
export function rightsOf({
  authority,
  namespaces,
}: Pick<TrustedKeyReport, 'authority' | 'namespaces'>): string {
  const what = namespaces ?? 'anything';
  return authority ? `${what} (authority)` : what;
}

/** `builder  ssh-ed25519 SHA256:...  until 2027-12-31T00:00:00Z` */
export function keyWords(key: TrustedKeyReport): string {
  const { principals, keyType, fingerprint, validAfter, validBefore } = key;
  const from = validAfter === undefined ? '' : `, from ${secondsOf(validAfter)}`;
  const until = validBefore === undefined ? '' : `, until ${secondsOf(validBefore)}`;
  return `${visible(principals)}  ${keyType} ${fingerprint}  ${visible(rightsOf(key))}${from}${until}`;
}

/** A time without its fractions of a second. */
export function secondsOf(time: string): string {
  return time.replace(/\.[0-9]+Z$/, 'Z');
}

/** One line for everything that an update changes. */
export function changeLines({ added, removed, revoked, keptRevoked, policy }: TrustChanges): string[] {
  const lines = [
    ...removed.map((key) => `  - ${keyWords(key)}`),
    ...added.map((key) => `  + ${keyWords(key)}`),
    ...revoked.map((fingerprint) => `  revoked: ${fingerprint}`),
    ...keptRevoked.map((fingerprint) => `  stays revoked, as this site decided: ${fingerprint}`),
    ...policy.map(({ rule, before, after }) => `  ${rule}: ${valueOf(before)} -> ${valueOf(after)}`),
  ];
  return lines.length === 0 ? ['  nothing but the version'] : lines;
}

function valueOf(value: unknown): string {
  return value === null ? 'default' : visible(JSON.stringify(value));
}
