import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { receiptSchema, type Receipt } from '../../src/schema/receipt.ts';

/** The receipts in a state folder, the first one first. */
export async function receiptsOf(state: string): Promise<Receipt[]> {
  const dir = path.join(state, 'receipts');
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json')).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(dir, name), 'utf8')));
  return texts.map((text) => receiptSchema.parse(JSON.parse(text)));
}
