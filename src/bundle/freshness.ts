import type { Emit } from '../core/events.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { judgeFreshness, type FreshnessRules, type FreshnessVerdict } from '../trust/freshness.ts';
import type { HistoryPlace } from '../trust/history.ts';
import { readPast } from '../trust/past.ts';
import { defaultPolicy } from '../trust/read-policy.ts';
import { throwAll } from './faults.ts';

/** What a site remembers, and what it asks, of bundles that come one after the other. */
export interface FreshnessOptions {
  /** Where the accepted bundles are remembered; undefined where nothing is. */
  readonly history?: HistoryPlace | undefined;
  /** Default: those of a site without a policy. */
  readonly rules?: FreshnessRules;
  /** Why an older bundle than the last one is to be taken, when it is. */
  readonly rollbackReason?: string | undefined;
}

interface Subject {
  readonly document: BundleDocument;
  readonly sumsSha256: string;
  readonly now: Date;
}

/**
 * Judges a bundle by the clock, the rules of the site, and what was accepted before; tells what people should know, and
 * throws every reason to refuse it. Remembers nothing itself: `acceptBundle` does.
 */
export async function checkFreshness(
  subject: Subject,
  options: FreshnessOptions,
  emit: Emit,
): Promise<FreshnessVerdict> {
  const { document } = subject;
  const { history } = options;
  const past =
    history === undefined ? undefined : (await readPast(history, document.name, document.sequence)).value;
  const verdict = judgeFreshness({ ...factsOf(subject, options), past });
  throwAll(verdict.refusals, { header: `the bundle ${document.name} ${document.sequence} is refused` });
  for (const message of verdict.warnings) emit({ type: 'note', level: 'warning', message });
  return verdict;
}

/** Everything that a verdict rests on, but the past. */
export function factsOf(
  { document, sumsSha256, now }: Subject,
  { rules = defaultPolicy, rollbackReason }: FreshnessOptions,
): Omit<Parameters<typeof judgeFreshness>[0], 'past'> {
  return { document, sumsSha256, now, rules, rollbackReason };
}
