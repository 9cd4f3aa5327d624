import { PackferryError } from '../core/errors.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { Past } from './past.ts';
import type { TrustPolicy } from './read-policy.ts';

/** The rules of a site that bear on freshness. */
export type FreshnessRules = Pick<
  TrustPolicy,
  'maxAge' | 'maxSequenceJump' | 'allowRollback' | 'requireExpiry'
>;

/** What there is to judge. Everything is given: the same facts always have the same verdict. */
export interface FreshnessFacts {
  readonly document: Pick<BundleDocument, 'name' | 'sequence' | 'createdAt' | 'expiresAt'>;
  /** sha256 in hex of SHA256SUMS: which bundle it is. */
  readonly sumsSha256: string;
  /** Undefined where nothing is remembered: then nothing is said of it. */
  readonly past: Past | undefined;
  readonly rules: FreshnessRules;
  /** The one reading of the clock. */
  readonly now: Date;
  /** Why the operator goes back to an older bundle, when he does. */
  readonly rollbackReason?: string | undefined;
}

/** How a bundle stands to those that were accepted before it. */
export type Standing = 'first-use' | 'first-of-stream' | 'newer' | 'again' | 'rollback';

/** From which sequence somebody goes back, and why. */
export interface Rollback {
  readonly from: number;
  readonly reason: string;
}

export interface FreshnessVerdict {
  /** Why it is refused, in the order of the checks, the gravest first; empty when it is not. */
  readonly refusals: readonly PackferryError[];
  /** What people should know of a bundle that is not refused. */
  readonly warnings: readonly string[];
  /** Undefined where nothing is remembered. */
  readonly standing: Standing | undefined;
  /** The highest sequence that was accepted before. */
  readonly highest: number | undefined;
  /** A way back that was asked for and is allowed. */
  readonly rollback: Rollback | undefined;
}

const day = 86_400_000;

/**
 * How far clocks may differ, in milliseconds: a day. The two sides set theirs by themselves, and the commonest honest
 * mistake, local time taken for UTC, is 14 hours at most. What this check is for, a dead battery or a clock that was set
 * back so that something expired passes, is a matter of weeks and years.
 */
export const clockTolerance = day;

/** From this part of a bundle's life on, people are told that it ends soon. */
const warnFrom = 0.8;

/** Is this bundle the newest, or may it at least be taken? Reads nothing, changes nothing. */
export function judgeFreshness(facts: FreshnessFacts): FreshnessVerdict {
  const rollback = rollbackOf(facts);
  return {
    refusals: [...equivocation(facts), ...clockFaults(facts), ...ageFaults(facts), ...order(facts)],
    warnings: [...endsSoon(facts), ...rollbackTold(facts, rollback)],
    standing: standingOf(facts),
    highest: facts.past?.highest?.sequence,
    rollback,
  };
}

function standingOf({ document: { sequence }, past }: FreshnessFacts): Standing | undefined {
  if (past === undefined) return undefined;
  const { highest } = past;
  if (highest === undefined) return past.isFirstUse ? 'first-use' : 'first-of-stream';
  if (sequence < highest.sequence) return 'rollback';
  return sequence === highest.sequence ? 'again' : 'newer';
}

/** Two bundles with one number: no honest builder makes them, so no reason of an operator helps. */
function equivocation({ document: { name, sequence }, sumsSha256, past }: FreshnessFacts): PackferryError[] {
  const other = past?.same.find((one) => one.sumsSha256 !== sumsSha256);
  if (other === undefined) return [];
  return [
    new PackferryError(
      'E_EQUIVOCATION',
      `ALARM: two different bundles are both ${name} ${sequence}. The one that was accepted on ${other.at} ` +
        `(signed by ${other.signers.map(({ fingerprint }) => fingerprint).join(', ')}) has the SHA256SUMS ${other.sumsSha256}, ` +
        `this one ${sumsSha256}. Either the builder gave a number twice, or somebody else signs with its key`,
      {
        hint: `Import nothing more of ${name} before its builder was asked over another channel. If the number was given twice by mistake: export again, which gives a new one. --allow-rollback does not help here.`,
      },
    ),
  ];
}

function clockFaults({ document, past, now }: FreshnessFacts): PackferryError[] {
  const faults: PackferryError[] = [];
  const here = `this machine's clock says ${now.toISOString()}`;
  const { lastAt } = past ?? {};
  if (lastAt !== undefined && lastAt.getTime() - now.getTime() > clockTolerance) {
    const message = `${here}, but something was recorded here on ${lastAt.toISOString()} already`;
    faults.push(
      new PackferryError('E_CLOCK', message, {
        hint: 'Set the clock (date -u shows it). If it is right now and was wrong then: packferry history --reset-clock REASON.',
      }),
    );
  }
  if (Date.parse(document.createdAt) - now.getTime() > clockTolerance) {
    const message = `${here}, but ${document.name} ${document.sequence} was made at ${document.createdAt}`;
    faults.push(
      new PackferryError('E_CLOCK', message, {
        hint: 'Set the clock of this machine (date -u shows it), or that of the builder, and export again.',
      }),
    );
  }
  return faults;
}

function ageFaults({ document, rules, now }: FreshnessFacts): PackferryError[] {
  const { name, sequence, createdAt, expiresAt } = document;
  const ends = endOf(document, rules);
  const faults: PackferryError[] = [];
  if (expiresAt !== undefined && now.getTime() > Date.parse(expiresAt)) faults.push(expired(document));
  if (expiresAt === undefined && rules.requireExpiry) {
    const message = `the bundle ${name} ${sequence} never expires, and the policy of this site asks for an end`;
    faults.push(
      new PackferryError('E_BUNDLE_STALE', message, {
        hint: 'Ask for a bundle whose manifest has bundle.expiresAfter, for instance 90d.',
      }),
    );
  }
  if (ends.byAge !== undefined && now.getTime() > ends.byAge) {
    const days = Math.floor((now.getTime() - Date.parse(createdAt)) / day);
    const most = `the policy of this site takes none after ${new Date(ends.byAge).toISOString()}`;
    const message = `the bundle ${name} ${sequence} of ${createdAt} is ${days} days old: ${most}`;
    faults.push(
      new PackferryError('E_BUNDLE_STALE', message, {
        hint: 'Ask for a newer bundle, and check the clock of this machine.',
      }),
    );
  }
  return faults;
}

/** The error for a bundle that has expired. */
export function expired({ name, sequence, expiresAt }: FreshnessFacts['document']): PackferryError {
  const message = `the bundle ${name} ${sequence} expired at ${expiresAt ?? ''}`;
  return new PackferryError('E_BUNDLE_EXPIRED', message, {
    hint: 'Ask for a newer bundle, and check the clock of this machine.',
  });
}

/** When its life ends, in milliseconds: by its own word, and by its age. */
function endOf(
  { createdAt, expiresAt }: FreshnessFacts['document'],
  { maxAge }: FreshnessRules,
): { readonly byAge: number | undefined; readonly first: number } {
  const byAge = maxAge === undefined ? undefined : Date.parse(createdAt) + maxAge * 1000;
  const own = expiresAt === undefined ? Infinity : Date.parse(expiresAt);
  return { byAge, first: Math.min(own, byAge ?? Infinity) };
}

function endsSoon({ document, rules, now }: FreshnessFacts): string[] {
  const { name, sequence, createdAt } = document;
  const { first } = endOf(document, rules);
  const [born, at] = [Date.parse(createdAt), now.getTime()];
  if (first === Infinity || at > first || at < born + (first - born) * warnFrom) return [];
  const until = new Date(first).toISOString();
  return [`${name} ${sequence} is accepted until ${until} only: ask for a newer bundle`];
}

function order({ document, past, rules, rollbackReason }: FreshnessFacts): PackferryError[] {
  const { name, sequence } = document;
  const { highest } = past ?? {};
  if (highest === undefined) return [];
  if (sequence < highest.sequence) {
    if (rollbackOf({ document, past, rules, rollbackReason }) !== undefined) return [];
    const message = `${name} ${sequence} is older than ${name} ${highest.sequence}, which was accepted on ${highest.at}`;
    return [
      rules.allowRollback
        ? new PackferryError('E_ROLLBACK', message, {
            hint: `Bring ${name} ${highest.sequence} or a newer one. To go back on purpose: --allow-rollback REASON, which is recorded.`,
          })
        : new PackferryError('E_ROLLBACK', `${message}, and the policy of this site allows no way back`, {
            hint: `Bring ${name} ${highest.sequence}, or export the older content anew: it gets a higher number.`,
          }),
    ];
  }
  const jump = sequence - highest.sequence;
  if (rules.maxSequenceJump === undefined || jump <= rules.maxSequenceJump) return [];
  return [
    new PackferryError(
      'E_SEQUENCE_JUMP',
      `${name} ${sequence} is ${jump} above the last number, ${highest.sequence}; the policy of this site takes steps of ${rules.maxSequenceJump} at most`,
      {
        hint: `A number far ahead would shut out all bundles after it. If its builder confirms it: raise maxSequenceJump, or start the stream anew: packferry history ${name} --reset REASON.`,
      },
    ),
  ];
}

type RollbackFacts = Pick<FreshnessFacts, 'past' | 'rules' | 'rollbackReason'> & {
  readonly document: Pick<BundleDocument, 'sequence'>;
};

function rollbackOf({ document, past, rules, rollbackReason }: RollbackFacts): Rollback | undefined {
  const from = past?.highest?.sequence;
  if (from === undefined || document.sequence >= from) return undefined;
  if (rollbackReason === undefined || !rules.allowRollback) return undefined;
  return { from, reason: rollbackReason };
}

function rollbackTold(
  { document: { name, sequence } }: FreshnessFacts,
  rollback: Rollback | undefined,
): string[] {
  if (rollback === undefined) return [];
  return [`going back from ${name} ${rollback.from} to ${name} ${sequence}: ${rollback.reason}`];
}
