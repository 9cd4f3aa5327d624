import { formatSize } from '../../core/size.ts';
import { planExport } from '../../flows/plan.ts';
import { unresolved } from '../../flows/resolve.ts';
import { select } from '../../flows/selection.ts';
import type { PlanReport } from '../../schema/reports.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { withRegistries } from './sources.ts';

export interface PlanOptions extends CommonOptions {
  readonly jobs: number;
  readonly perImage?: boolean;
}

/** `plan MANIFEST or PACK...` */
export const plan: Action<PlanOptions> = async (session, paths, options) => {
  const { emit, signal, context } = session;
  const selection = await select(paths, { home: context.home, emit, signal });
  return withRegistries(session, selection.manifest, async (source) => {
    const perImage = options.perImage ?? false;
    const { report, resolved } = await planExport({
      selection,
      source,
      perImage,
      jobs: options.jobs,
      emit,
      signal,
    });
    return { report, text: planText(report), ...planSummary(report), errors: unresolved(resolved) };
  });
};

/** The table of a plan, for people: largest images first, since these are what one may want to leave out. */
export function planText({ images, errors }: PlanReport): string {
  if (images.length === 0) return errors.length === 0 ? 'No image is needed.' : '';
  const rows = [...images].sort((a, b) => b.bytes - a.bytes);
  return table(rows, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'SIZE', align: 'right', value: ({ bytes }) => formatSize(bytes) },
    { title: 'USED BY', value: ({ usedBy }) => usersOf(usedBy) },
  ]);
}

function usersOf(usedBy: PlanReport['images'][number]['usedBy']): string {
  const [first] = usedBy;
  if (first === undefined) return '';
  const place = `${first.file}:${first.line}`;
  return usedBy.length === 1 ? place : `${place} and ${usedBy.length - 1} more`;
}

/** Nothing when nothing was found: the errors say enough. */
function planSummary({ totals, archives, packs, errors }: PlanReport): { readonly summary?: string } {
  if (totals.images === 0 && errors.length > 0) return {};
  const saved = totals.bytesShared > 0 ? `, ${formatSize(totals.bytesShared)} saved by sharing layers` : '';
  const [images, archiveCount] = [count(totals.images, 'image'), count(archives.length, 'archive')];
  const of = packs.length === 0 ? '' : ` of ${count(packs.length, 'pack')}`;
  const missing = errors.length === 0 ? '' : ` ${count(errors.length, 'image')} missing.`;
  return { summary: `${images}${of}: ${formatSize(totals.bytes)} in ${archiveCount}${saved}.${missing}` };
}
