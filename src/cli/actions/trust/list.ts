import path from 'node:path';
import { listTrust } from '../../../flows/trust/list.ts';
import type { TrustListReport } from '../../../schema/reports-trust.ts';
import type { Action, CommonOptions } from '../../session.ts';
import { count } from '../../text/plural.ts';
import { table } from '../../text/table.ts';
import { rightsOf, secondsOf } from '../../text/trust.ts';
import type { PlaceOptions } from '../../place-options.ts';
import { trustFolders } from '../../trust-place.ts';

export interface TrustListOptions extends CommonOptions, PlaceOptions {}

type Place = TrustListReport['places'][number];

/** `trust list` */
export const trustList: Action<TrustListOptions> = async ({ context }, _args, options) => {
  const { report, errors } = await listTrust({ folders: trustFolders(context, options), now: context.now });
  const keys = report.places.flatMap((place) => place.keys);
  const isEmpty = keys.length === 0 && errors.length === 0;
  return {
    report,
    text: report.places.map(placeText).join('\n\n'),
    ...(isEmpty
      ? {
          summary:
            'No key is trusted, so no bundle is accepted. Add one: packferry trust add KEY --principal NAME',
        }
      : {}),
    errors,
  };
};

function placeText(place: Place): string {
  return [headOf(place), ...(place.keys.length === 0 ? [] : [keysOf(place)])].join('\n');
}

function headOf(place: Place): string {
  const { folder, counts, keys, revokedKeys = 0, version, threshold, policy, unfinishedUpdate } = place;
  const which = counts
    ? 'counts here'
    : keys.length > 0
      ? 'does not count: the one above does'
      : 'no trusted keys';
  const revoked = revokedKeys === 0 ? [] : [count(revokedKeys, 'revoked key')];
  const rules =
    policy === undefined && keys.length === 0
      ? []
      : [
          `version ${version}`,
          `${count(threshold, 'signer')} wanted${policy === undefined ? ' (no policy.json)' : ''}`,
        ];
  const unfinished = unfinishedUpdate
    ? ['a signed update counts but is not finished: run "trust update" again']
    : [];
  return `${folder}: ${[which, ...rules, ...revoked, ...unfinished].join(', ')}`;
}

function keysOf({ keys }: Place): string {
  return table(keys, [
    { title: 'PRINCIPAL', value: ({ principals }) => principals },
    { title: 'STATUS', value: ({ status }) => status },
    { title: 'TYPE', value: ({ keyType }) => keyType },
    { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint },
    { title: 'FOR', value: rightsOf },
    { title: 'FROM', value: ({ validAfter }) => timeText(validAfter) },
    { title: 'UNTIL', value: ({ validBefore }) => timeText(validBefore) },
    {
      title: 'WHERE',
      value: ({ file, line, revokedBy }) =>
        `${path.basename(file)}:${line}${revokedBy === undefined ? '' : `, revoked by ${revokedBy}`}`,
    },
  ]);
}

function timeText(time: string | undefined): string {
  return time === undefined ? '-' : secondsOf(time);
}
