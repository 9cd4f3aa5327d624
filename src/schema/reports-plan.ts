import * as z from 'zod';
import { leftOut } from './left-out.ts';
import { platform, size } from './parts.ts';
import { errorReport, reportedImage, totals } from './reports.ts';
import { reportVersion } from './versions.ts';

/** An image of a plan. */
const plannedImage = z.object({
  ...reportedImage.shape,
  /** The endpoint that answered, e.g. `registry://docker.io` or one of its mirrors. */
  source: z.string(),
  /** Bytes of it that other images of the plan have too. */
  bytesShared: size,
  /** What an independent list of digests says of it, when one was asked. */
  witness: z.enum(['agrees', 'disagrees', 'absent']).exactOptional(),
});

/** What `plan --json` prints; `export --dry-run --json` too. */
export const planReport = z.object({
  schemaVersion: z.literal(reportVersion),
  name: z.string(),
  platform,
  /** The sites that may import the bundle; absent: all. */
  audience: z.array(z.string()).exactOptional(),
  packs: z.array(
    z.object({
      id: z.string(),
      version: z.string().exactOptional(),
      /** For a pack that only others need: their ids, from the one that was asked for. */
      requiredBy: z.array(z.string()).exactOptional(),
      /** Where packs are carried: is this one? */
      carried: z.boolean().exactOptional(),
    }),
  ),
  images: z.array(plannedImage),
  /** What the manifest leaves out. Sizes are absent where they were not asked for or could not be had. */
  excluded: z.object({
    images: z.array(z.object({ reference: z.string(), pattern: z.string(), bytes: size.exactOptional() })),
    /** Bytes that leaving them out saves. */
    bytes: size.exactOptional(),
  }),
  archives: z.array(z.object({ file: z.string(), bytes: size, images: z.array(z.string()) })),
  totals,
  leftOut,
  /** What registries announce of the pulls that they still allow; empty when none of them does. */
  pullLimits: z.array(
    z.object({
      registry: z.string(),
      limit: size,
      remaining: size,
      /** Seconds in which so many pulls are allowed. */
      window: size.exactOptional(),
      /** Who is counted: an address or an account. */
      source: z.string().exactOptional(),
      /** Pulls that an export will need, at least: one for each manifest that is not kept from this plan or earlier runs. */
      needed: size,
    }),
  ),
  /** What leaving out the largest images would save. */
  savings: z.array(z.object({ exclude: z.string(), images: size, bytes: size })),
  errors: z.array(errorReport),
});

export type PlanReport = z.infer<typeof planReport>;
