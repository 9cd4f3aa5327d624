import * as z from 'zod';
import { deliveredTo, exportReport, writtenReceipt } from './reports.ts';
import { digest, platform } from './parts.ts';
import { reportVersion } from './versions.ts';

/** What `build --json` prints. */
export const buildReport = z.object({
  schemaVersion: z.literal(reportVersion),
  dryRun: z.boolean(),
  /** The engine that builds, in full. */
  engine: z.string(),
  reference: z.string(),
  /** What the engine calls the image; absent in a dry run. */
  id: digest.exactOptional(),
  platform,
  /** What it stands on: the engine's ID, and the digest of the manifest where the engine knows it. */
  base: z.object({ reference: z.string(), id: digest, digest: digest.exactOptional() }),
  dockerfile: z.string(),
  /** Where it was brought afterwards. */
  targets: z.array(deliveredTo),
  /** The bundle that it was written into, as `export` tells of it. */
  bundle: exportReport.exactOptional(),
  receipt: writtenReceipt.exactOptional(),
});
export type BuildReport = z.infer<typeof buildReport>;
