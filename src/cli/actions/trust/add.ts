import { PackferryError } from '../../../core/errors.ts';
import { addTrustedKey } from '../../../flows/trust/add.ts';
import type { TrustAddReport } from '../../../schema/reports-trust.ts';
import { readGivenKey } from '../../../trust/given-key.ts';
import { readRevokedKeys } from '../../../trust/revoked-keys.ts';
import { parseSshTime } from '../../../trust/ssh-time.ts';
import { firstOf } from '../../configured.ts';
import type { Action, CommonOptions } from '../../session.ts';
import { rightsOf, secondsOf } from '../../text/trust.ts';
import { visible } from '../../text/visible.ts';
import type { PlaceOptions } from '../../place-options.ts';
import { checkTrustFiles, otherLists, trustFolder } from '../../trust-place.ts';
import { compareFingerprint } from './fingerprint.ts';

export interface TrustAddOptions extends CommonOptions, PlaceOptions {
  readonly principal?: string;
  readonly authority?: boolean;
  readonly validAfter?: string;
  readonly validBefore?: string;
  readonly mayUpdateTrust?: boolean;
  readonly fingerprint?: string;
}

/** `trust add KEY --principal NAME` */
export const trustAdd: Action<TrustAddOptions> = async (session, [what = ''], options) => {
  const { context } = session;
  const folder = trustFolder(context, options);
  await checkTrustFiles(session, folder);
  const given = await readGivenKey(what);
  const own = await firstOf([`${folder}/revoked_keys`], 'E_TRUST_UNREADABLE', 'Make it readable.');
  const revoked = [...(await otherLists(context, folder)), ...(own ? [await readRevokedKeys(own)] : [])];
  const report = await addTrustedKey({
    ...{ folder, given, revoked, owner: context.owner, now: context.now },
    principal: options.principal,
    authority: options.authority === true,
    validAfter: timeOf('--valid-after', options.validAfter),
    validBefore: timeOf('--valid-before', options.validBefore),
    mayUpdateTrust: options.mayUpdateTrust === true,
    confirm: (key) => compareFingerprint(session, key, options.fingerprint),
  });
  // Trusted before or not: a fingerprint that was given is to be that of this very key.
  if (report.status === 'present' && options.fingerprint !== undefined)
    await compareFingerprint(session, report.key, options.fingerprint);
  return { report, text: '', summary: summaryOf(report) };
};

/** A time as allowed_signers has it, always in UTC; also as a date, `2027-12-31`. */
function timeOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const plain = text.replace(/^(\d{4})-(\d\d)-(\d\d)$/, '$1$2$3').replace(/Z$/, '');
  const time = parseSshTime(`${plain}Z`);
  if (time !== undefined) return time;
  throw new PackferryError('E_USAGE', `${option}: ${JSON.stringify(text)} is no time`, {
    hint: 'Write a date, 2027-12-31, or YYYYMMDD[HHMM[SS]]; it is in UTC, and a date means the start of that day.',
  });
}

function summaryOf({ status, file, line, key, others }: TrustAddReport): string {
  const who = visible(key.principals);
  if (status === 'present') return `${who} (${key.fingerprint}) is trusted already: ${file}:${line}.`;
  const until = key.validBefore === undefined ? '' : `, until ${secondsOf(key.validBefore)}`;
  return [
    `Wrote ${file}:${line}: ${who} (${key.fingerprint}) is trusted for ${rightsOf(key)}${until}.`,
    ...others.map(
      (other) =>
        `${who} has another key too: ${other.fingerprint}, line ${other.line}. Both count as one signer.`,
    ),
  ].join('\n');
}
