import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isLeftover, syncFolder } from '../../archive/atomic-file.ts';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { whyUnwritable } from '../../core/unwritable.ts';
import { readSmallFile } from '../../trust/read-file.ts';
import { receiptName, receiptNumberIn, type ReceiptFile } from '../../trust/receipt-chain.ts';

/** The folder of receipts inside the state folder. */
export const receiptFolder = 'receipts';

/** What lies in a folder of receipts. */
export interface ReceiptListing {
  readonly numbers: readonly number[];
  /** Files that are none of its own. */
  readonly strangers: readonly string[];
}

/** Makes the folder and tries whether receipts can be written into it. Throws `E_RECEIPT_UNWRITABLE`. */
export async function prepareReceiptFolder(dir: string): Promise<void> {
  await writing(dir, async () => {
    // Not for the group, whatever the umask: others could exchange receipts, and the history beside them.
    await makeFolder(dir, (folder) => mkdir(folder, 0o755));
    const [trial, second] = [path.join(dir, partName()), path.join(dir, partName())];
    try {
      await writeNew(trial, '');
      await link(trial, second);
    } finally {
      for (const name of [trial, second]) await rm(name, { force: true });
    }
  });
}

/** Numbers of the receipts, ascending; an absent folder has none. Throws `E_RECEIPT_NOT_FOUND` when it cannot be read. */
export async function listReceipts(dir: string): Promise<ReceiptListing> {
  try {
    const names = await readdir(dir);
    const numbers = names.flatMap((name) => receiptNumberIn(name) ?? []).sort((a, b) => a - b);
    if (numbers.length > limits.receipts) throw new Error(`more than ${limits.receipts} receipts`);
    const own = new Set(numbers.flatMap((number) => [receiptName(number), signatureName(number)]));
    return { numbers, strangers: names.filter((name) => !own.has(name) && !isLeftover(name)) };
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return { numbers: [], strangers: [] };
    throw new PackferryError('E_RECEIPT_NOT_FOUND', `${dir}: ${messageOf(cause)}`, {
      hint: 'Name the state folder with --state DIR, or a folder of receipts.',
      cause,
    });
  }
}

/** Reads a receipt of the folder and its signature, if any. Throws `E_RECEIPT_NOT_FOUND`. */
export async function readReceiptFile(dir: string, number: number): Promise<ReceiptFile> {
  return readReceiptAt(path.join(dir, receiptName(number)), number);
}

/** The same by its path, wherever it lies and however it is called. */
export async function readReceiptAt(file: string, number: number): Promise<ReceiptFile> {
  const options = {
    code: 'E_RECEIPT_NOT_FOUND',
    hint: 'See which there are: packferry receipt list',
  } as const;
  const { bytes } = await readSmallFile(file, { ...options, maxBytes: limits.receipt });
  const signature = await readSmallFile(`${file}.sig`, { ...options, maxBytes: limits.signature }).then(
    ({ bytes: armored }) => armored,
    (fault: unknown) => {
      if (fault instanceof PackferryError && systemCodeOf(fault.cause) === 'ENOENT') return undefined;
      throw fault;
    },
  );
  return { name: path.basename(file), number, bytes, signature };
}

/**
 * Writes a receipt under its number, then its signature. It appears whole and synced, or not at all; false when another
 * run has taken the number meanwhile. A crash leaves temporary files, which are never read, or between two renames a
 * receipt without its signature. Throws `E_RECEIPT_UNWRITABLE`.
 */
export async function addReceipt(
  dir: string,
  { number, text, signature }: { number: number; text: string; signature: string | undefined },
): Promise<boolean> {
  const files = [
    { name: receiptName(number), content: text },
    ...(signature === undefined ? [] : [{ name: signatureName(number), content: signature }]),
  ].map((file) => ({ ...file, part: path.join(dir, partName()) }));
  return writing(dir, async () => {
    try {
      for (const { part, content } of files) await writeNew(part, content);
      for (const { part, name } of files) if (!(await linkNew(part, path.join(dir, name)))) return false;
      await syncFolder(dir);
      return true;
    } finally {
      for (const { part } of files) await rm(part, { force: true });
    }
  });
}

function signatureName(number: number): string {
  return `${receiptName(number)}.sig`;
}

function partName(): string {
  return `.packferry-${randomBytes(8).toString('hex')}.part`;
}

/** Hard links never replace a file: of two runs at once, one gets the name. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (fault) {
    if (systemCodeOf(fault) === 'EEXIST') return false;
    throw fault;
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writing<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const linkless = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCodeOf(cause) ?? '');
    const why = linkless ? `its file system has no hard links (${messageOf(cause)})` : whyUnwritable(cause);
    throw new PackferryError('E_RECEIPT_UNWRITABLE', `${dir} takes no receipt: ${why}`, {
      hint: 'Make it writable for this user. Another state folder (--state DIR, PACKFERRY_STATE) knows nothing of what was accepted here.',
      cause,
    });
  }
}
