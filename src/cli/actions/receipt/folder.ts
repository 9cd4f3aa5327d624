import { PackferryError } from '../../../core/errors.ts';
import { receiptFolderOf, type ReceiptOptions } from '../../receipts.ts';
import type { Session } from '../../session.ts';

/** The folder of receipts of this user. Throws `E_RECEIPT_NOT_FOUND` for one without a home. */
export function ownReceiptFolder(
  session: Pick<Session, 'context'>,
  options: Pick<ReceiptOptions, 'state'>,
): string {
  const dir = receiptFolderOf(session, options);
  if (dir !== undefined) return dir;
  throw new PackferryError('E_RECEIPT_NOT_FOUND', 'this user has no folder of receipts', {
    hint: 'Name the state folder: --state DIR, or the variable PACKFERRY_STATE.',
  });
}
