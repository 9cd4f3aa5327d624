import * as z from 'zod';
import { imageUse, size } from './parts.ts';
import { errorReport, reportVersion } from './reports.ts';

const schemaVersion = z.literal(reportVersion);

/** What `usage --json` prints. */
export const usageReport = z.object({
  schemaVersion,
  /** The image that was asked for, fully qualified; without a tag it stands for every tag. */
  image: z.string(),
  uses: z.array(z.object({ reference: z.string(), ...imageUse.shape })),
  /** Images in use that may have been meant; only when nothing uses the image. */
  near: z.array(z.string()),
});

/** What the configuration of an image tells. */
const facts = { created: z.string().exactOptional(), python: z.string().exactOptional() };
const knownTag = z.object({ tag: z.string(), ...facts });

const assessedImage = z.object({
  reference: z.string(),
  /**
   * `held`: newer builds are of another version or Python. `not comparable`: the tag cannot be ordered among the
   * others.
   */
  status: z.enum(['current', 'outdated', 'held', 'not comparable']),
  reason: z.string().exactOptional(),
  /** Does the registry still have the tag? */
  exists: z.boolean().exactOptional(),
  /** The endpoint that named the tags. */
  source: z.string(),
  ...facts,
  /** The newest of all tags. */
  newest: knownTag.exactOptional(),
  /** The newest that keeps version and Python, unless any version was asked for. */
  update: knownTag.exactOptional(),
  usedBy: z.array(imageUse),
});

/** What `outdated --json` prints. */
export const outdatedReport = z.object({
  schemaVersion,
  anyVersion: z.boolean(),
  images: z.array(assessedImage),
  totals: z.object({ images: size, outdated: size, held: size, gone: size, notComparable: size }),
  errors: z.array(errorReport),
});

const place = {
  path: z.string(),
  line: z.int().positive(),
  column: z.int().positive(),
  pack: z.string(),
  item: z.string(),
};

/** What `update --json` prints. */
export const updateReport = z.object({
  schemaVersion,
  /** Were the files written, or was only shown what would change? */
  write: z.boolean(),
  changes: z.array(
    z.object({
      ...place,
      from: z.string(),
      to: z.string(),
      status: z.enum(['planned', 'written', 'failed']),
      /** As `diff -u` writes it. */
      diff: z.string().exactOptional(),
      error: errorReport.exactOptional(),
    }),
  ),
  /** Places whose image stays, and why. */
  kept: z.array(z.object({ ...place, reference: z.string(), reason: z.string() })),
  errors: z.array(errorReport),
});

/** A package of an image that was asked for. */
const foundPackage = z.object({ kind: z.enum(['python', 'os']), name: z.string(), version: z.string() });

/** What `search --json` prints. */
export const searchReport = z.object({
  schemaVersion,
  folder: z.string(),
  images: z.array(
    z.object({
      reference: z.string(),
      /** Compressed size in bytes, as the vendor rounds it. */
      bytes: size.exactOptional(),
      created: z.string().exactOptional(),
      python: z.string().exactOptional(),
      packages: z.array(foundPackage),
      /** Older tags of the image that match as well and are not listed. */
      older: size,
    }),
  ),
  /** Tags that were searched. */
  searched: size,
  /** Files that are no image metadata. */
  skipped: size,
});

export type UsageReport = z.infer<typeof usageReport>;
export type OutdatedReport = z.infer<typeof outdatedReport>;
export type AssessedImage = z.infer<typeof assessedImage>;
export type UpdateReport = z.infer<typeof updateReport>;
export type SearchReport = z.infer<typeof searchReport>;
