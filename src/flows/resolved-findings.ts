import type { Emit } from '../core/events.ts';
import { judgeResolved } from '../pack/policy-resolved.ts';
import { warnOfFindings } from './policy-errors.ts';
import type { Resolved } from './resolve.ts';
import type { Selection } from './selection.ts';

/** The selection with what the image policy says now that its images are resolved; warnings are told. */
export function withResolvedFindings(selection: Selection, { images }: Resolved, emit: Emit): Selection {
  const fresh = judgeResolved(images, selection.manifest.policy, selection.findings);
  warnOfFindings(fresh, emit);
  return { ...selection, findings: [...selection.findings, ...fresh] };
}
