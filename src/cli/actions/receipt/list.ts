import { someOf } from '../../../core/some-of.ts';
import { listReceiptsOf } from '../../../flows/receipt/read.ts';
import type { ReceiptListReport } from '../../../schema/reports-receipt.ts';
import type { Action, CommonOptions } from '../../session.ts';
import { count } from '../../text/plural.ts';
import { table } from '../../text/table.ts';
import { visible } from '../../text/visible.ts';
import { ownReceiptFolder } from './folder.ts';

export interface ListOptions extends CommonOptions {
  readonly state?: string;
}

/** `receipt list` */
export const listAll: Action<ListOptions> = async (session, _args, options) => {
  const report = await listReceiptsOf(ownReceiptFolder(session, options));
  const { dir, receipts } = report;
  const text = receipts.length === 0 ? '' : listText(report);
  return { report, text, summary: visible(`${count(receipts.length, 'receipt')} in ${dir}.`) };
};

function listText({ receipts }: ReceiptListReport): string {
  return table(receipts, [
    { title: 'NUMBER', align: 'right', value: ({ number }) => String(number) },
    { title: 'ENDED', value: ({ receipt }) => receipt?.endedAt.slice(0, 19).replace('T', ' ') ?? '-' },
    { title: 'ACTION', value: ({ receipt }) => receipt?.action ?? 'no receipt' },
    { title: 'RESULT', value: ({ receipt }) => receipt?.outcome.result ?? '-' },
    { title: 'BUNDLE OR SOURCE', value: ({ receipt }) => originOf(receipt) },
    { title: 'OPERATOR', value: ({ receipt }) => receipt?.operator.name ?? '-' },
    { title: 'SIGNED', value: ({ signed }) => (signed ? 'yes' : 'no') },
    { title: 'CODE', value: ({ code }) => code },
  ]);
}

/** The bundle that it is about, else where images came from that nobody has signed. */
function originOf(receipt: ReceiptListReport['receipts'][number]['receipt']): string {
  const { name, sequence, dir } = receipt?.bundle ?? {};
  if (receipt?.unsigned !== undefined) return someOf(receipt.unsigned.sources, 3) || '-';
  return name === undefined ? (dir ?? '-') : `${name} ${sequence ?? ''}`.trim();
}
