import { formatSize } from '../../core/size.ts';
import { readBases } from '../../flows/base/read.ts';
import { warnOfUncarried } from '../../flows/packs-to-carry.ts';
import { planExport } from '../../flows/plan.ts';
import { policyErrors } from '../../flows/policy-errors.ts';
import { unresolved } from '../../flows/resolve.ts';
import { select } from '../../flows/selection.ts';
import type { PlanReport } from '../../schema/reports-plan.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { planNotes, planTable, planTree } from './plan-text.ts';
import { selecting, withManifestSource, type SourceOptions } from './sources.ts';

export interface PlanOptions extends CommonOptions, SourceOptions {
  readonly jobs: number;
  readonly perImage?: boolean;
  readonly base?: readonly string[];
  readonly tree?: boolean;
  readonly witness?: string;
}

/** `plan MANIFEST or PACK...` */
export const plan: Action<PlanOptions> = async (session, paths, options) => {
  const { emit, signal } = session;
  const selection = await select(paths, await selecting(session, options));
  warnOfUncarried(selection, emit);
  const bases = await readBases(options);
  return withManifestSource(session, selection.manifest, options, async (source, pulls) => {
    const perImage = options.perImage ?? false;
    const { report, resolved, findings } = await planExport({
      selection,
      source,
      pulls,
      perImage,
      bases,
      jobs: options.jobs,
      ...(options.witness === undefined ? {} : { witness: options.witness }),
      emit,
      signal,
    });
    const text = options.tree === true ? planTree(report) : planTable(report);
    const errors = [...policyErrors(findings), ...unresolved(resolved)];
    return { report, text, ...planSummary(report), errors };
  });
};

/** Nothing when nothing was found: the errors say enough. */
function planSummary(report: PlanReport): { readonly summary?: string } {
  const { totals, archives, packs, errors, leftOut } = report;
  if (totals.images === 0 && errors.length > 0) return {};
  const saved = totals.bytesShared > 0 ? `, ${formatSize(totals.bytesShared)} saved by sharing layers` : '';
  const [images, archiveCount] = [count(totals.images, 'image'), count(archives.length, 'archive')];
  const of = packs.length === 0 ? '' : ` of ${count(packs.length, 'pack')}`;
  const missing = errors.length === 0 ? '' : ` ${count(errors.length, 'image')} missing.`;
  const line = `${images}${of}: ${formatSize(totals.bytes - (leftOut?.bytes ?? 0))} in ${archiveCount}${saved}.${missing}`;
  return { summary: [line, ...planNotes(report)].join('\n') };
}
