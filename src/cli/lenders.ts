import { openLendingBundle, type LendingBundle } from '../bundle/lending-bundle.ts';
import { asPackferryError, type PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatSize } from '../core/size.ts';
import type { DeliverableBundle } from '../flows/import.ts';
import { together } from '../flows/together.ts';
import type { LentReport } from '../schema/lent.ts';
import type { Judgement } from './bundle-judgement.ts';
import { count } from './text/plural.ts';

/**
 * Opens the bundles that are to lend, judged by the same keys and policy as the one that is imported, but neither by their age
 * nor by what was accepted before. Undefined when none is named. Throws what is wrong with them, all at once.
 */
export async function openLenders(
  dirs: readonly string[] | undefined,
  { allowed, policy, now, emit }: Judgement,
): Promise<readonly LendingBundle[] | undefined> {
  if (dirs === undefined) return undefined;
  const lenders: LendingBundle[] = [];
  const errors: PackferryError[] = [];
  for (const dir of dirs) {
    try {
      lenders.push(await openLendingBundle(dir, { allowed, policy, now, emit }));
    } catch (fault) {
      const error = asPackferryError(fault);
      errors.push(error.with(`--with: ${error.message}`));
    }
  }
  if (errors.length > 0)
    throw together(errors, `${errors.length} of the bundles that are to lend are refused`);
  return lenders;
}

/** Tells who names lenders of bundles that are whole by themselves. */
export function tellIdle(
  bundles: readonly Pick<DeliverableBundle, 'dir' | 'document'>[],
  lenders: readonly LendingBundle[] | undefined,
  emit: Emit,
): void {
  if (lenders === undefined || bundles.some(({ document }) => document.requires.length > 0)) return;
  const dirs = bundles.map(({ dir }) => dir).join(' and ');
  const message = `nothing is taken from what --with names: ${dirs} ${bundles.length === 1 ? 'leaves' : 'leave'} nothing out`;
  emit({ type: 'note', level: 'info', message });
}

/** One line for each bundle that lends something. */
export function lentLines(lent: readonly LentReport[] = []): string[] {
  return lent
    .filter(({ layers }) => layers > 0)
    .map(({ dir, name, sequence, signers, layers, bytes }) => {
      const by = signers.map(({ principal }) => principal).join(', ');
      return `${count(layers, 'layer')} that the bundle leaves out, ${formatSize(bytes)}, lent by ${dir} (${name} ${sequence}, signed by ${by}).`;
    });
}
