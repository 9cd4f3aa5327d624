import * as z from 'zod';
import { size } from './parts.ts';
import { reportVersion } from './versions.ts';

const acceptance = z.object({
  sequence: z.int(),
  sumsSha256: z.string(),
  createdAt: z.string(),
  acceptedAt: z.string(),
  signers: z.array(z.object({ principal: z.string(), fingerprint: z.string() })),
  /** Present when a higher sequence had been accepted before. */
  rollback: z.object({ from: z.int(), reason: z.string() }).exactOptional(),
});

/** What `history --json` prints. All records have been checked. */
export const historyReport = z.object({
  schemaVersion: z.literal(reportVersion),
  file: z.string(),
  copy: z.string().exactOptional(),
  records: size,
  /** Of the last record, which stands for all before it; absent where there is no history. */
  sha256: z.string().exactOptional(),
  streams: z.array(
    z.object({
      stream: z.string(),
      /** What newer bundles must not be older than; absent after a reset. */
      highest: acceptance.exactOptional(),
      accepted: size,
      rollbacks: size,
    }),
  ),
  /** Of the stream that was asked for: the latest ones, the last one last. */
  latest: z.array(acceptance).exactOptional(),
});

export type HistoryReport = z.infer<typeof historyReport>;
