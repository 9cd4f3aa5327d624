import { createHash } from 'node:crypto';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { receiptSchema, type Receipt } from '../schema/receipt.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { decodeSshsig } from './sshsig.ts';
import { checkSignature, receiptNamespace, verifyDetached } from './verify.ts';
import { fingerprintOf } from './public-key.ts';

/** A receipt as it lies in its folder. */
export interface ReceiptFile {
  /** The name of the file. */
  readonly name: string;
  /** By its name. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The file beside it, an armored SSHSIG; undefined when there is none. */
  readonly signature: Uint8Array | undefined;
}

/** A receipt, read. */
export interface ReadReceipt {
  readonly file: ReceiptFile;
  readonly sha256: string;
  readonly receipt: Receipt;
}

/** What was found of one receipt of a chain. */
export interface CheckedReceipt {
  readonly file: ReceiptFile;
  readonly sha256: string;
  /** Undefined when the file is none. */
  readonly receipt: Receipt | undefined;
  /** `good`: in itself, and by a trusted key where such were given. */
  readonly signature: 'none' | 'good' | 'bad';
  /** Who signed: the principal of a trusted key, else its fingerprint. */
  readonly signer?: string;
  readonly faults: readonly PackferryError[];
}

export interface ChainOptions {
  /** The keys whose signatures count; without them, signatures are only checked in themselves. */
  readonly allowed?: AllowedSigners;
  readonly now: Date;
}

const first = 1;

/** `receipt-000012.json`: sorts as it counts. */
export function receiptName(number: number): string {
  return `receipt-${String(number).padStart(6, '0')}.json`;
}

/** The number in the name of a receipt; undefined for other names. */
export function receiptNumberIn(name: string): number | undefined {
  const [, digits] = /^receipt-([0-9]{6,15})\.json$/.exec(name) ?? [];
  const number = Number(digits);
  return digits !== undefined && receiptName(number) === name ? number : undefined;
}

/** Reads a receipt strictly. Throws `E_RECEIPT_INVALID`. */
export function readReceipt(file: ReceiptFile): ReadReceipt {
  const sha256 = createHash('sha256').update(file.bytes).digest('hex');
  let value: unknown;
  try {
    value = parseStrictJson(file.bytes, { name: file.name, maxBytes: limits.receipt });
  } catch (cause) {
    throw invalid(asPackferryError(cause).message, cause);
  }
  const parsed = receiptSchema.safeParse(value);
  if (parsed.success) return { file, sha256, receipt: parsed.data };
  const [issue] = parsed.error.issues;
  const place = issue?.path.map(String).join('.') ?? '';
  throw invalid(`${file.name}: no receipt: ${place}: ${issue?.message ?? ''}`, parsed.error);
}

/**
 * Checks a whole chain, in the order of its numbers: none is missing, each holds the hash of the one before, every
 * signature is good. An unsigned receipt is held by the signature of any later one, through the chain; so with `allowed`
 * the last one must be signed. That receipts at the end were removed shows in none of this.
 */
export function checkChain(files: readonly ReceiptFile[], options: ChainOptions): CheckedReceipt[] {
  const sorted = [...files].sort((a, b) => a.number - b.number);
  const checked: CheckedReceipt[] = [];
  for (const file of sorted) checked.push(checkOne(file, checked.at(-1), options));
  if (options.allowed === undefined) return checked;
  const signed = checked.findLastIndex(({ signature }) => signature === 'good');
  return checked.map((one, at) => {
    if (at <= signed || one.signature !== 'none') return one;
    const fault = invalid(`${one.file.name}: neither it nor a later receipt is signed by a trusted key`);
    return { ...one, faults: [...one.faults, fault] };
  });
}

function checkOne(
  file: ReceiptFile,
  before: CheckedReceipt | undefined,
  options: ChainOptions,
): CheckedReceipt {
  const { name, number } = file;
  const faults: PackferryError[] = [];
  const expected = before === undefined ? first : before.file.number + 1;
  if (number !== expected) {
    const missing =
      number - 1 === expected
        ? receiptName(expected)
        : `${receiptName(expected)} to ${receiptName(number - 1)}`;
    faults.push(invalid(`${missing}: missing; ${name} follows`));
  }
  const signed = checkSigned(file, options);
  if (signed.fault !== undefined) faults.push(signed.fault);
  const sha256 = createHash('sha256').update(file.bytes).digest('hex');
  let receipt: Receipt | undefined;
  try {
    ({ receipt } = readReceipt(file));
    faults.push(...placeFaults(file, receipt, before, number === expected));
  } catch (fault) {
    faults.push(asPackferryError(fault));
  }
  const { signature, signer } = signed;
  return { file, sha256, receipt, signature, ...(signer === undefined ? {} : { signer }), faults };
}

/** A receipt stands at its place, and behind the very one that it names. */
function placeFaults(
  { name, number }: ReceiptFile,
  receipt: Receipt,
  before: CheckedReceipt | undefined,
  follows: boolean,
): PackferryError[] {
  const faults: PackferryError[] = [];
  if (receipt.number !== number) faults.push(invalid(`${name}: it is receipt ${receipt.number}`));
  const expected = before?.sha256 ?? null;
  // Behind a gap nothing can be said.
  if (!follows || receipt.previous === expected) return faults;
  const what =
    before === undefined
      ? `${name}: it names a receipt before it, and there is none`
      : `${before.file.name}: it is not the receipt that ${name} was chained to: one of them was changed`;
  return [...faults, invalid(what)];
}

function checkSigned(
  { name, bytes, signature }: ReceiptFile,
  { allowed, now }: ChainOptions,
): Pick<CheckedReceipt, 'signature' | 'signer'> & { readonly fault?: PackferryError } {
  if (signature === undefined) return { signature: 'none' };
  const signatureName = `${name}.sig`;
  try {
    const about = { signatureName, namespace: receiptNamespace, message: bytes };
    if (allowed !== undefined) {
      return { signature: 'good', signer: verifyDetached({ ...about, signature, allowed, now }).principal };
    }
    const { key } = checkSignature(decodeSshsig(signature, signatureName), about);
    return { signature: 'good', signer: fingerprintOf(key.plain) };
  } catch (fault) {
    const error = asPackferryError(fault);
    return { signature: 'bad', fault: invalid(error.message, fault) };
  }
}

function invalid(message: string, cause?: unknown): PackferryError {
  return new PackferryError('E_RECEIPT_INVALID', message, {
    hint: 'Compare with a copy of the receipts, or with codes that were told or printed: "packferry receipt verify --expect CODE".',
    ...(cause === undefined ? {} : { cause }),
  });
}
