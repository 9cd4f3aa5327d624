import * as z from 'zod';
import { receiptSchema } from './receipt.ts';
import { errorReport } from './reports.ts';
import { reportVersion } from './versions.ts';

const schemaVersion = z.literal(reportVersion);
const number = z.int().positive();

/** What `receipt show --json` prints. */
export const receiptShowReport = z.object({
  schemaVersion,
  file: z.string(),
  sha256: z.string(),
  /** By which the receipt can be told over the phone: from its sha256. */
  code: z.string(),
  /** Does a signature lie beside it? Not whether it is any good. */
  signed: z.boolean(),
  receipt: receiptSchema,
});

/** What `receipt list --json` prints. `receipt` is absent where the file is none. */
export const receiptListReport = z.object({
  schemaVersion,
  dir: z.string(),
  receipts: z.array(
    z.object({
      number,
      file: z.string(),
      code: z.string(),
      signed: z.boolean(),
      receipt: receiptSchema.exactOptional(),
    }),
  ),
});

/** What `receipt verify --json` prints. */
export const receiptVerifyReport = z.object({
  schemaVersion,
  dir: z.string(),
  /** Is everything in order? */
  good: z.boolean(),
  /** Were signatures judged by trusted keys? Without, `signer` is the fingerprint of whoever signed. */
  trusted: z.boolean(),
  receipts: z.array(
    z.object({
      number,
      file: z.string(),
      code: z.string(),
      signature: z.enum(['none', 'good', 'bad']),
      signer: z.string().exactOptional(),
      faults: z.array(errorReport),
    }),
  ),
  /** Files in the folder that belong to no receipt. */
  strangers: z.array(z.string()),
  /** The number of the receipt whose code was expected. */
  expected: number.exactOptional(),
});

export type ReceiptShowReport = z.infer<typeof receiptShowReport>;
export type ReceiptListReport = z.infer<typeof receiptListReport>;
export type ReceiptVerifyReport = z.infer<typeof receiptVerifyReport>;
