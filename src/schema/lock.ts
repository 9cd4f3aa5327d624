import * as z from 'zod';
import { digest, lockedImage, platform, utcTime } from './parts.ts';

/** The `schema` value of the lock files that this version writes. */
export const lockSchemaId = 'packferry.lock/v1';

/** `packferry.lock.json`: every reference of a manifest with the digests that it stood for when it was locked. */
export const lockSchema = z.object({
  schema: z.literal(lockSchemaId),
  name: z.string(),
  platform,
  images: z.array(
    z.object({
      ...lockedImage.shape,
      /** The digest that the reference itself asked for, when it had a tag and a digest. */
      pinned: digest.exactOptional(),
      /** Since when the reference stands for this digest. */
      lockedAt: utcTime,
    }),
  ),
});

export type LockDocument = z.infer<typeof lockSchema>;
