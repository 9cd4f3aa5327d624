import { PackferryError } from '../../core/errors.ts';
import { recover, resetClock, resetStream, showHistory, type ChangeOptions } from '../../flows/history.ts';
import type { HistoryReport } from '../../schema/reports-history.ts';
import { checkedReason, historyPlaceOf, type StateOptions } from '../freshness.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { sitePolicy } from '../site-policy.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';

export interface HistoryOptions extends CommonOptions, StateOptions {
  readonly reset?: string;
  readonly resetClock?: string;
  readonly recover?: string;
}

/** `history [STREAM]` */
export const history: Action<HistoryOptions> = async (session, [stream], options) => {
  const place = historyPlaceOf(session.context, options);
  if (place === undefined) {
    throw new PackferryError('E_USAGE', 'a user without a home has no history', {
      hint: 'Name the folder: --state DIR.',
    });
  }
  const done = await change(session, place, stream, options);
  const report = await showHistory(place, stream);
  const checked = `${report.file}: ${count(report.records, 'record')}, all in order.`;
  const summary = report.records === 0 ? 'Nothing was accepted here so far.' : checked;
  return { report, text: textOf(report), summary: [...done, summary].join('\n') };
};

/** Does what an option asks for, if one does; returns what there is to say of it. */
async function change(
  session: Session,
  place: ChangeOptions['place'],
  stream: string | undefined,
  options: HistoryOptions,
): Promise<string[]> {
  const asked = [
    { flag: '--reset', reason: options.reset },
    { flag: '--reset-clock', reason: options.resetClock },
    { flag: '--recover', reason: options.recover },
  ].flatMap(({ flag, reason }) => (reason === undefined ? [] : [{ flag, reason }]));
  const [one] = asked;
  if (one === undefined) return [];
  if (asked.length > 1 || (one.flag === '--reset') !== (stream !== undefined)) throw misused();
  await checkAllowed(session);
  const { now, owner } = session.context;
  const how = { place, owner, now, reason: checkedReason(one.reason, one.flag) };
  if (one.flag === '--reset-clock') {
    await resetClock(how);
    return [`From now on the clock counts from ${now.toISOString()}.`];
  }
  if (stream !== undefined) {
    await resetStream(stream, how);
    return [`The next bundle of ${stream} counts as its first, whatever its number.`];
  }
  const { aside, kept } = await recover(how);
  return [
    `${count(kept, 'record')} kept; the damaged file is ${aside}.`,
    'What came after them is lost: compare the numbers above with the receipts.',
    ...(place.copy === undefined ? [] : ['Copy the file over its second copy now.']),
  ];
}

function misused(): PackferryError {
  return new PackferryError(
    'E_USAGE',
    'one change at a time: --reset of a stream, --reset-clock or --recover',
    {
      hint: 'For instance: packferry history soc-content --reset "its builder was replaced, ticket 1234".',
    },
  );
}

/** These lift what stops an older bundle: where the policy forbids a way back, they are none either. */
async function checkAllowed(session: Session): Promise<void> {
  if ((await sitePolicy(session, {})).allowRollback) return;
  throw new PackferryError('E_ROLLBACK', 'the policy of this site allows no way back to older bundles', {
    hint: 'Whoever is responsible for policy.json can set allowRollback for the time being.',
  });
}

function textOf({ streams, latest }: HistoryReport): string {
  const by = (signers: readonly { readonly principal: string }[]): string =>
    signers.map(({ principal }) => principal).join(', ');
  if (latest !== undefined) {
    return table(latest, [
      { title: 'SEQUENCE', align: 'right', value: ({ sequence }) => String(sequence) },
      { title: 'ACCEPTED', value: ({ acceptedAt }) => acceptedAt },
      { title: 'MADE', value: ({ createdAt }) => createdAt },
      { title: 'SIGNED BY', value: ({ signers }) => by(signers) },
      {
        title: 'ROLLBACK',
        value: ({ rollback }) => (rollback === undefined ? '' : `from ${rollback.from}: ${rollback.reason}`),
      },
    ]);
  }
  if (streams.length === 0) return '';
  return table(streams, [
    { title: 'STREAM', value: ({ stream }) => stream },
    { title: 'HIGHEST', align: 'right', value: ({ highest }) => String(highest?.sequence ?? 'reset') },
    { title: 'ACCEPTED', value: ({ highest }) => highest?.acceptedAt ?? '' },
    { title: 'BUNDLES', align: 'right', value: ({ accepted }) => String(accepted) },
    { title: 'ROLLBACKS', align: 'right', value: ({ rollbacks }) => String(rollbacks) },
    { title: 'SIGNED BY', value: ({ highest }) => by(highest?.signers ?? []) },
  ]);
}
