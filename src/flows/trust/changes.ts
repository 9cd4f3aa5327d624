import type { PolicyDocument } from '../../schema/policy.ts';
import type { TrustChanges } from '../../schema/reports-trust.ts';
import type { AllowedSigner } from '../../trust/allowed-line.ts';
import { fingerprintOf } from '../../trust/public-key.ts';
import type { RevokedKeys } from '../../trust/revoked-keys.ts';
import { reportKey, saysTheSame } from './key-report.ts';

/** The files of trust of one version, read. */
export interface TrustVersion {
  readonly signers: readonly AllowedSigner[];
  readonly revoked: RevokedKeys;
  /** Undefined where there is no policy.json. */
  readonly policy: PolicyDocument | undefined;
}

/** What is different in another version. `kept` are blobs in base64 that stay revoked. */
export function changesBetween(
  before: TrustVersion,
  after: TrustVersion,
  kept: readonly string[],
): TrustChanges {
  const lacking = (some: readonly AllowedSigner[], others: readonly AllowedSigner[]): AllowedSigner[] =>
    some.filter((one) => !others.some((other) => saysTheSame(one, other)));
  return {
    added: lacking(after.signers, before.signers).map(reportKey),
    removed: lacking(before.signers, after.signers).map(reportKey),
    revoked: [...after.revoked.lines.keys()].filter((key) => !before.revoked.lines.has(key)).map(fingerprint),
    keptRevoked: kept.map(fingerprint),
    policy: rulesBetween(before.policy, after.policy),
  };
}

function fingerprint(base64: string): string {
  return fingerprintOf(Buffer.from(base64, 'base64'));
}

/** Rules that differ; the version always does, and is told elsewhere. */
function rulesBetween(
  before: PolicyDocument | undefined,
  after: PolicyDocument | undefined,
): TrustChanges['policy'] {
  const [old, fresh] = [new Map(Object.entries(before ?? {})), new Map(Object.entries(after ?? {}))];
  const rules = [...new Set([...old.keys(), ...fresh.keys()])].filter(
    (rule) => !['schema', 'version'].includes(rule),
  );
  return rules
    .filter((rule) => JSON.stringify(old.get(rule)) !== JSON.stringify(fresh.get(rule)))
    .map((rule) => ({ rule, before: old.get(rule) ?? null, after: fresh.get(rule) ?? null }));
}
