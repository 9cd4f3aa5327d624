import { PackferryError } from '../../../core/errors.ts';
import { updateTrust } from '../../../flows/trust/update.ts';
import type { TrustUpdateReport } from '../../../schema/reports-trust.ts';
import { confirm, isInteractive } from '../../prompt.ts';
import type { Action, CommonOptions, Session } from '../../session.ts';
import { stateFolderOf } from '../../state-folder.ts';
import { changeLines } from '../../text/trust.ts';
import { visible } from '../../text/visible.ts';
import type { PlaceOptions } from '../../place-options.ts';
import { checkTrustFiles, otherLists, trustFolder } from '../../trust-place.ts';

export interface TrustUpdateOptions extends CommonOptions, PlaceOptions {
  readonly state?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `trust update FILE` */
export const trustUpdate: Action<TrustUpdateOptions> = async (session, [file = ''], options) => {
  const { context } = session;
  const folder = trustFolder(context, options);
  await checkTrustFiles(session, folder);
  const state = stateFolderOf(context, options.state);
  if (state === undefined) {
    throw new PackferryError('E_USAGE', 'you have no home folder, so the old version could not be kept', {
      hint: 'Give --state DIR, or set PACKFERRY_STATE.',
    });
  }
  const report = await updateTrust({
    ...{ folder, file, state, owner: context.owner, now: context.now },
    otherLists: await otherLists(context, folder),
    dryRun: options.dryRun === true,
    approve: (planned) => approve(session, planned, options.yes === true),
  });
  return { report, text: textOf(report), summary: summaryOf(report) };
};

async function approve(
  { context, pause }: Session,
  report: TrustUpdateReport,
  isSure: boolean,
): Promise<boolean> {
  if (isSure || !isInteractive(context)) return true;
  pause();
  context.stderr.write(`${textOf(report)}\n`);
  return confirm(context, `Update ${report.folder}?`);
}

function textOf({ folder, from, to, changes, signers, status }: TrustUpdateReport): string {
  if (changes === undefined || status === 'declined') return '';
  const names = [...new Set(signers?.before.map(({ principal }) => visible(principal)))].join(', ');
  return [`${folder}: version ${from} -> ${to}, signed by ${names}`, ...changeLines(changes)].join('\n');
}

function summaryOf({ status, folder, to, kept }: TrustUpdateReport): string {
  switch (status) {
    case 'present':
      return `${folder} is of version ${to} already, by this same update.`;
    case 'would update':
      return `The update is good; ${folder} would become version ${to}.`;
    case 'declined':
      return 'Nothing was changed.';
    case 'updated':
      return [`${folder} is of version ${to} now. Kept:`, ...kept.map((place) => `  ${place}`)].join('\n');
  }
}
