import * as z from 'zod';
import { size } from './parts.ts';

/** A bundle that lent layers to another one, which leaves them out. */
export const lentReport = z.object({
  dir: z.string(),
  sumsSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('sha256 of SHA256SUMS: the identity of the bundle.'),
  name: z.string(),
  sequence: z.int(),
  signers: z.array(z.object({ principal: z.string(), fingerprint: z.string() })),
  layers: size.describe('How many layers were read from it and found good; 0: none was needed.'),
  bytes: size.describe('Of these layers.'),
});

export type LentReport = z.infer<typeof lentReport>;
