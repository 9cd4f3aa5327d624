import { createHash } from 'node:crypto';
import path from 'node:path';
import { PackferryError } from '../../core/errors.ts';
import { jsonText } from '../../core/json-text.ts';
import { receiptSchemaId, type Receipt } from '../../schema/receipt.ts';
import type { WrittenReceipt } from '../../schema/reports.ts';
import { receiptCode } from '../../trust/receipt-code.ts';
import { receiptName } from '../../trust/receipt-chain.ts';
import type { Signer } from '../../trust/signer.ts';
import { receiptNamespace } from '../../trust/verify.ts';
import { addReceipt, listReceipts, readReceiptFile } from './folder.ts';

/** Everything of a receipt but its place in the chain. */
export type ReceiptContent = Omit<Receipt, 'schema' | 'number' | 'previous'>;

/** As often as other runs may take the number that was meant for this one. */
const mostTries = 20;

/**
 * Adds a receipt to the chain in a folder that `prepareReceiptFolder` has made, signed where there is a signer. No secret
 * that is known gets into it. Throws `E_RECEIPT_UNWRITABLE`, and what the signer throws.
 */
export async function writeReceipt(
  dir: string,
  content: ReceiptContent,
  signer: Signer | undefined,
): Promise<WrittenReceipt> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const last = (await listReceipts(dir)).numbers.at(-1);
    const number = (last ?? 0) + 1;
    const receipt: Receipt = {
      schema: receiptSchemaId,
      number,
      previous: last === undefined ? null : hashOf((await readReceiptFile(dir, last)).bytes),
      ...content,
    };
    const text = `${jsonText(receipt, 2)}\n`;
    const signature = await signer?.sign(Buffer.from(text), receiptNamespace);
    if (!(await addReceipt(dir, { number, text, signature }))) continue;
    const sha256 = hashOf(text);
    const file = path.join(dir, receiptName(number));
    return { number, file, sha256, code: receiptCode(sha256), signed: signature !== undefined };
  }
  throw new PackferryError('E_RECEIPT_UNWRITABLE', `${dir}: other runs write one receipt after the other`, {
    hint: 'Run again when they are done.',
  });
}

function hashOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
