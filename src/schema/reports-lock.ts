import * as z from 'zod';
import { digest, utcTime } from './parts.ts';
import { reportVersion } from './versions.ts';

/** What `lock --json` prints. */
export const lockReport = z.object({
  schemaVersion: z.literal(reportVersion),
  file: z.string(),
  changed: z.boolean(),
  images: z.array(
    z.object({
      reference: z.string(),
      status: z.enum(['new', 'moved', 'same', 'gone']),
      manifest: digest,
      /** The endpoint that answered; for an image that is gone, the one that did then. */
      source: z.string(),
      /** For a moved image: what it was before, and since when. */
      before: z.object({ manifest: digest, lockedAt: utcTime }).exactOptional(),
      /** What an independent list of digests says of it, when one was asked. */
      witness: z.enum(['agrees', 'absent']).exactOptional(),
    }),
  ),
});

export type LockReport = z.infer<typeof lockReport>;
