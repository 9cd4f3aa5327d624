import * as z from 'zod';
import { bundleHead, reportVersion, signer } from './reports.ts';

/** What `sign --json` prints. */
export const signReport = z.object({
  schemaVersion: z.literal(reportVersion),
  ...bundleHead,
  sumsSha256: z.string(),
  images: z.array(z.object({ reference: z.string(), manifest: z.string() })),
  /** Whoever had signed before. */
  signers: z.array(signer),
  /** The signer that was added, and the file of the signature; absent when a person said no. */
  added: z.object({ file: z.string(), ...signer.shape }).exactOptional(),
});

export type SignReport = z.infer<typeof signReport>;
