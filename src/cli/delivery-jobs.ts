import { Option } from 'commander';
import type { FoundTarget } from '../flows/targets.ts';
import { parseJobs } from './options.ts';

/** Over SSH each image goes through a channel of its own, of which one alone does not fill a long way. */
const deliveriesAtOnce = { usual: 2, farAway: 4 } as const;

/** `-j, --jobs N` of commands that bring images; what it is when absent depends on the target. */
export function deliveryJobsOption(what: string): Option {
  const { usual, farAway } = deliveriesAtOnce;
  const text = `${what} at the same time; when absent ${usual}, or ${farAway} where the only target is reached over SSH`;
  return new Option('-j, --jobs <n>', text).argParser(parseJobs).env('PACKFERRY_JOBS');
}

/** Images that are brought to each target at the same time. Several far targets share the way out as it is. */
export function deliveryJobs(
  jobs: number | undefined,
  targets: readonly Pick<FoundTarget, 'isOverSsh'>[],
): number {
  const isFarAway = targets.length === 1 && targets[0]?.isOverSsh === true;
  return jobs ?? (isFarAway ? deliveriesAtOnce.farAway : deliveriesAtOnce.usual);
}
