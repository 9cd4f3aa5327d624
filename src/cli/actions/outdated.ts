import { findOutdated } from '../../flows/outdated.ts';
import { select } from '../../flows/selection.ts';
import type { AssessedImage, OutdatedReport } from '../../schema/reports-tags.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { selecting, withManifestSource, type SourceOptions } from './sources.ts';

export interface OutdatedOptions extends CommonOptions, SourceOptions {
  readonly anyVersion?: boolean;
  readonly jobs: number;
}

/** `outdated MANIFEST or PACK...` */
export const outdated: Action<OutdatedOptions> = async (session, paths, options) => {
  const { emit, signal, context } = session;
  const { wanted, manifest } = await select(paths, await selecting(session, options));
  return withManifestSource(session, manifest, options, async (source) => {
    const { report, errors } = await findOutdated({
      ...{ wanted, source, platform: manifest.platform, jobs: options.jobs, emit, signal },
      anyVersion: options.anyVersion ?? false,
    });
    return { report, text: outdatedText(report, context.now), summary: summaryOf(report), errors };
  });
};

function outdatedText({ images }: OutdatedReport, now: Date): string {
  if (images.length === 0) return '';
  return table(images, [
    { title: 'STATUS', value: ({ status, exists }) => (exists === false ? `${status}, gone` : status) },
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'AGE', align: 'right', value: ({ created }) => ageOf(created, now) },
    { title: 'UPDATE', value: ({ update }) => update?.tag ?? '-' },
    { title: 'AGE', align: 'right', value: ({ update }) => ageOf(update?.created, now) },
    { title: 'NEWEST', value: ({ newest }) => newest?.tag ?? '-' },
    { title: 'USED BY', value: usersOf },
    { title: 'WHY', value: ({ reason }) => reason ?? '' },
  ]);
}

/** Whole days since then. */
function ageOf(created: string | undefined, now: Date): string {
  if (created === undefined) return '-';
  const days = Math.floor((now.getTime() - Date.parse(created)) / 86_400_000);
  return `${Math.max(0, days)} d`;
}

function usersOf({ usedBy }: AssessedImage): string {
  const [first] = usedBy;
  if (first === undefined) return '';
  const others = usedBy.length === 1 ? '' : ` and ${usedBy.length - 1} more`;
  return `${first.file}:${first.line}${others}`;
}

function summaryOf({ totals }: OutdatedReport): string {
  const { images, outdated: newer, held, gone, notComparable } = totals;
  const parts = [
    `${newer} outdated`,
    ...(held === 0 ? [] : [`${held} with newer builds of another version or Python only`]),
    ...(gone === 0 ? [] : [`${gone} gone from the registry`]),
    ...(notComparable === 0 ? [] : [`${notComparable} not comparable`]),
  ];
  return `${count(images, 'image')}: ${parts.join(', ')}.`;
}
