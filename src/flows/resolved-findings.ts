import type { Emit } from '../core/events.ts';
import { judgeResolved } from '../pack/policy-resolved.ts';
import { warnOfFindings } from './policy-errors.ts';
import type { Resolved } from './resolve.ts';
import type { Selection } from './selection.ts';

/** The selection with what the image policy says now that its images are resolved; warnings are told. */
export function withResolvedFindings(
  selection: Selection,
  { images, disputes }: Resolved,
  emit: Emit,
): Selection {
  const found = judgeResolved(images, selection.manifest.policy, selection.findings);
  // Of images on which the witness disagrees there is worse to say.
  const fresh = found.filter(
    ({ rule, reference }) => rule !== 'witness' || disputes?.has(reference) !== true,
  );
  warnOfFindings(fresh, emit);
  return { ...selection, findings: [...selection.findings, ...fresh] };
}
