import type { Emit } from '../core/events.ts';
import type { PullCounts } from '../registry/source.ts';
import type { PlanReport } from '../schema/reports-plan.ts';

type PullLimits = PlanReport['pullLimits'];

/** How many manifests an export has to fetch of each registry, as known up to now. */
export function pullsToCome(pulls: PullCounts | undefined): ReadonlyMap<string, number> {
  return new Map(pulls?.pullCounts().map(({ registry, pending }) => [registry, pending]));
}

/** What registries announce of the pulls that they allow; `needed` are those of an export, by registry. */
export function pullLimitsOf(pulls: PullCounts | undefined, needed: ReadonlyMap<string, number>): PullLimits {
  return (pulls?.pullCounts() ?? []).flatMap(({ registry, limit }) =>
    limit === undefined ? [] : [{ registry, ...limit, needed: needed.get(registry) ?? 0 }],
  );
}

/** Warns of registries that will refuse before an export has all its manifests. */
export function warnOfLimits(limits: PullLimits, emit: Emit): void {
  for (const { registry, remaining, limit, needed, source } of limits) {
    if (remaining >= needed) continue;
    const whose = source === undefined ? '' : ` for ${source}`;
    const message = `${registry} allows ${remaining} more of ${limit} pulls${whose}, an export needs ${needed}: wait, name a mirror, or log in`;
    emit({ type: 'note', level: 'warning', message });
  }
}
