import { sumUp } from '../../../core/sum-up.ts';
import { verifyReceiptsOf } from '../../../flows/receipt/read.ts';
import type { ReceiptVerifyReport } from '../../../schema/reports-receipt.ts';
import { readAllowedSigners } from '../../../trust/allowed-signers.ts';
import type { Action, CommonOptions } from '../../session.ts';
import { count } from '../../text/plural.ts';
import { visible } from '../../text/visible.ts';
import { ownReceiptFolder } from './folder.ts';

export interface VerifyReceiptsOptions extends CommonOptions {
  readonly state?: string;
  readonly trustedKeys?: string;
  readonly expect?: string;
}

/** `receipt verify [DIR]` */
export const verifyReceipts: Action<VerifyReceiptsOptions> = async (session, [given], options) => {
  const { trustedKeys, expect } = options;
  const dir = given ?? ownReceiptFolder(session, options);
  const { report, errors } = await verifyReceiptsOf(dir, {
    now: session.context.now,
    ...(trustedKeys === undefined ? {} : { allowed: await readAllowedSigners(trustedKeys) }),
    ...(expect === undefined ? {} : { expect }),
  });
  for (const name of report.strangers) {
    const message = `${dir}: ${name} belongs to no receipt`;
    session.emit({ type: 'note', level: 'warning', message });
  }
  if (errors.length > 0) {
    return { report, text: '', errors: [sumUp('E_RECEIPT_INVALID', `${dir}: the chain is broken`, errors)] };
  }
  return { report, text: '', summary: summaryOf(report) };
};

function summaryOf({ dir, receipts, trusted, expected }: ReceiptVerifyReport): string {
  const last = receipts.at(-1);
  const unsigned = receipts.filter(({ signature }) => signature === 'none').map(({ number }) => number);
  const signers = new Set(receipts.flatMap(({ signer }) => signer ?? []));
  const later = receipts.length - (expected ?? 0);
  return [
    `${dir}: ${count(receipts.length, 'receipt')}, none missing or changed since it was written.`,
    ...(signers.size === 0
      ? []
      : [
          `Signed by ${[...signers].join(', ')}${trusted ? '' : ', whose trust was not judged: --trusted-keys FILE'}.`,
        ]),
    ...(unsigned.length === 0 ? [] : [`Not signed: ${rangesOf(unsigned)}.`]),
    expected === undefined
      ? `Whether receipts after the last one were removed is only known by its code: ${last?.code ?? ''}`
      : `The expected code is that of receipt ${expected}${later === 0 ? ', the last one' : `; ${later} came after it`}.`,
  ]
    .map(visible)
    .join('\n');
}

/** `1-3, 5` */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range?.[1] === number - 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}
