import path from 'node:path';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import type {
  ReceiptListReport,
  ReceiptShowReport,
  ReceiptVerifyReport,
} from '../../schema/reports-receipt.ts';
import { reportVersion } from '../../schema/versions.ts';
import type { AllowedSigners } from '../../trust/allowed-signers.ts';
import { checkChain, readReceipt, receiptName, type ReceiptFile } from '../../trust/receipt-chain.ts';
import { readReceiptCode, receiptCode } from '../../trust/receipt-code.ts';
import { reportError } from '../report.ts';
import { listReceipts, readReceiptAt, readReceiptFile } from './folder.ts';

/**
 * One receipt: by its number, `last`, or as a file of whatever name. Throws `E_RECEIPT_NOT_FOUND`, and
 * `E_RECEIPT_INVALID` for a file that is none.
 */
export async function showReceiptOf(dir: string | undefined, which: string): Promise<ReceiptShowReport> {
  const isNumber = /^[0-9]{1,15}$/.test(which);
  if (which !== 'last' && !isNumber) return showFile(which, await readReceiptAt(which, 1));
  const number = isNumber ? Number(which) : await lastOf(dir);
  const folder = dir ?? '';
  return showFile(path.join(folder, receiptName(number)), await readReceiptFile(folder, number));
}

async function lastOf(dir: string | undefined): Promise<number> {
  const last = dir === undefined ? undefined : (await listReceipts(dir)).numbers.at(-1);
  if (last !== undefined) return last;
  throw new PackferryError('E_RECEIPT_NOT_FOUND', `${dir ?? 'this user'}: no receipt there`, {
    hint: 'The first import, copy or verification leaves one. Another folder: --state DIR',
  });
}

function showFile(file: string, read: ReceiptFile): ReceiptShowReport {
  const { sha256, receipt } = readReceipt(read);
  const signed = read.signature !== undefined;
  return { schemaVersion: reportVersion, file, sha256, code: receiptCode(sha256), signed, receipt };
}

/** Every receipt of a folder, the newest last; a file that is none is listed without content. */
export async function listReceiptsOf(dir: string): Promise<ReceiptListReport> {
  const checked = checkChain(await readAll(dir), { now: new Date(0) });
  const receipts = checked.map(({ file, sha256, receipt, signature }) => ({
    number: file.number,
    file: path.join(dir, file.name),
    code: receiptCode(sha256),
    signed: signature !== 'none',
    ...(receipt === undefined ? {} : { receipt }),
  }));
  return { schemaVersion: reportVersion, dir, receipts };
}

export interface VerifyReceiptsOptions {
  readonly allowed?: AllowedSigners;
  /** A code, as somebody has written it down. */
  readonly expect?: string;
  readonly now: Date;
}

/** What is wrong with the chain of a folder, all of it, the earliest first. Throws `E_USAGE` for what is no code. */
export async function verifyReceiptsOf(
  dir: string,
  { expect, ...options }: VerifyReceiptsOptions,
): Promise<{ readonly report: ReceiptVerifyReport; readonly errors: readonly PackferryError[] }> {
  const code = expect === undefined ? undefined : wantedCode(expect);
  const { strangers } = await listReceipts(dir);
  const files = await readAll(dir);
  if (files.length === 0) await lastOf(dir);
  const checked = checkChain(files, options).map((one) => ({ ...one, code: receiptCode(one.sha256) }));
  const expected = checked.find((one) => one.code === code)?.file.number;
  const errors = checked.flatMap(({ faults }) => faults);
  if (code !== undefined && expected === undefined) errors.push(cut(dir, code, checked.at(-1)?.code ?? ''));
  return {
    errors,
    report: {
      ...{ schemaVersion: reportVersion, dir, strangers: [...strangers] },
      good: errors.length === 0,
      trusted: options.allowed !== undefined,
      receipts: checked.map(({ file, code: own, signature, signer, faults }) => ({
        ...{ number: file.number, file: path.join(dir, file.name), code: own, signature },
        ...(signer === undefined ? {} : { signer }),
        faults: faults.map((fault) => reportError(asPackferryError(fault))),
      })),
      ...(expected === undefined ? {} : { expected }),
    },
  };
}

function wantedCode(text: string): string {
  const code = readReceiptCode(text);
  if (code !== undefined) return code;
  throw new PackferryError('E_USAGE', `--expect: ${JSON.stringify(text)} is no code of a receipt`, {
    hint: 'It has eight groups of four letters and digits. One that was misheard does not fit the last: have it read once more.',
  });
}

function cut(dir: string, code: string, last: string): PackferryError {
  return new PackferryError(
    'E_RECEIPT_INVALID',
    `${dir}: no receipt has the code ${code}; that of the last one is ${last}`,
    { hint: 'Receipts were removed at the end of the chain, or changed after the code was told.' },
  );
}

async function readAll(dir: string): Promise<ReceiptFile[]> {
  const files: ReceiptFile[] = [];
  for (const number of (await listReceipts(dir)).numbers) files.push(await readReceiptFile(dir, number));
  return files;
}
