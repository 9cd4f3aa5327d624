import type { Emit } from '../../../core/events.ts';
import { revokeKey } from '../../../flows/trust/revoke.ts';
import { readTrustTexts } from '../../../flows/trust/folder.ts';
import type { TrustRevokeReport } from '../../../schema/reports-trust.ts';
import { parsePolicy, defaultPolicy } from '../../../trust/read-policy.ts';
import { configurationFolders } from '../../configured.ts';
import { confirm, isInteractive } from '../../prompt.ts';
import type { Action, CommonOptions, Session } from '../../session.ts';
import { visible } from '../../text/visible.ts';
import type { PlaceOptions } from '../../place-options.ts';
import { knownSigners, otherLists, trustFolder } from '../../trust-place.ts';

export interface TrustRevokeOptions extends CommonOptions, PlaceOptions {
  readonly reason: string;
  readonly yes?: boolean;
}

/** `trust revoke KEY --reason TEXT` */
export const trustRevoke: Action<TrustRevokeOptions> = async (session, [what = ''], options) => {
  const { context, emit } = session;
  const folder = trustFolder(context, options);
  const { system, user } = configurationFolders(context);
  const known = await knownSigners([...new Set([folder, system, user])], emit);
  // The trusted keys of the machine count before those of the user; those of another folder by themselves.
  const order = [system, user].includes(folder) ? [system, user] : [folder];
  const counting = order.flatMap((one) => known.filter((place) => place.folder === one))[0];
  const isAsked = options.yes !== true && isInteractive(context);
  const report = await revokeKey({
    ...{ folder, what, owner: context.owner, now: context.now },
    reason: options.reason,
    known: known.flatMap(({ signers }) => signers),
    counting: counting && { signers: counting.signers, threshold: await thresholdIn(counting.folder, emit) },
    otherLists: await otherLists(context, folder),
    approve: (planned) => approve(session, planned, !isAsked),
  });
  return { report, text: '', summary: summaryOf(report, isAsked) };
};

async function thresholdIn(folder: string, emit: Emit): Promise<number> {
  const { 'policy.json': bytes } = await readTrustTexts(folder);
  try {
    return (bytes === undefined ? defaultPolicy : parsePolicy(bytes, `${folder}/policy.json`)).threshold;
  } catch {
    emit({ type: 'note', level: 'warning', message: `${folder}/policy.json has mistakes` });
    return defaultPolicy.threshold;
  }
}

async function approve(
  { context, pause }: Session,
  report: TrustRevokeReport,
  isSure: boolean,
): Promise<boolean> {
  if (isSure) return true;
  pause();
  context.stderr.write(
    [
      ...keyLines(report),
      ...leftLines(report),
      'Nothing that these keys have signed will be accepted any more.',
      '',
    ].join('\n'),
  );
  return confirm(context, `Add them to ${report.file}?`);
}

function keyLines({ keys }: TrustRevokeReport): string[] {
  return keys.map(({ fingerprint, keyType, principals, status }) => {
    const who = principals.length === 0 ? 'not trusted here' : visible(principals.join(', '));
    return `  ${fingerprint}  ${keyType}  ${who}${status === 'present' ? '  (revoked already)' : ''}`;
  });
}

/** A site whose bundles nobody can sign any more should know it at once. */
function leftLines({ remaining }: TrustRevokeReport): string[] {
  if (remaining === undefined || remaining.principals.length >= remaining.threshold) return [];
  const { principals, threshold } = remaining;
  const who = principals.length === 0 ? 'nobody is' : `only ${visible(principals.join(', '))} is`;
  return [
    `warning: ${threshold === 1 ? 'one signer is' : `${threshold} signers are`} wanted here, and ${who} left: no bundle will be accepted until keys are added (packferry trust add).`,
  ];
}

/** What was shown with the question is not said again. */
function summaryOf(report: TrustRevokeReport, wasShown: boolean): string {
  const { status, file } = report;
  if (status === 'declined') return 'Nothing was revoked.';
  if (status === 'present') return [`Revoked already, in ${file}:`, ...keyLines(report)].join('\n');
  if (wasShown) return `Wrote ${file}.`;
  return [`Wrote ${file}. Revoked:`, ...keyLines(report), ...leftLines(report)].join('\n');
}
