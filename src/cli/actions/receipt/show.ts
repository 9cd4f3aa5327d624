import { showReceiptOf } from '../../../flows/receipt/read.ts';
import { receiptFolderOf } from '../../receipts.ts';
import type { Action, CommonOptions } from '../../session.ts';
import { receiptPage } from '../../text/receipt-page.ts';

export interface ShowOptions extends CommonOptions {
  readonly state?: string;
}

/** `receipt show [NUMBER|last|FILE]` */
export const showReceipt: Action<ShowOptions> = async (session, [which = 'last'], options) => {
  const report = await showReceiptOf(receiptFolderOf(session, options), which);
  return { report, text: receiptPage(report) };
};
