import * as z from 'zod';
import { descriptor, digest, fileName, imageUse, layer, packFile, platform, size, utcTime } from './parts.ts';

/** The `schema` value of the bundles that this version writes. */
export const bundleSchemaId = 'packferry.bundle/v1';

export const bundleImage = z.object({
  reference: z.string().min(1).max(1024),
  manifest: descriptor,
  config: descriptor,
  layers: z.array(layer).max(500),
  archive: fileName,
  source: z.string(),
  usedBy: z.array(imageUse),
  /** What an independent list of digests said of the image, when one was asked. */
  witness: z.enum(['agrees', 'absent']).exactOptional(),
});

export const bundleArchive = z.object({
  file: fileName,
  size,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  blobs: z.array(z.object({ digest, offset: size, size })),
});

/** What a rule of the image policy says of an image. A bundle carries only those that were accepted: the warnings. */
export const bundleFinding = z.object({
  rule: z.string(),
  /** The number of the same rule in the vendor's SDK, e.g. DO101. */
  sdkRule: z.string().exactOptional(),
  reference: z.string(),
  severity: z.enum(['warning', 'error']),
  message: z.string(),
  /** Where it is used first. */
  file: z.string().exactOptional(),
  line: z.int().positive().exactOptional(),
});

/** Packferry as a program of its own, for sites that have no Node. */
export const bundleImporter = z.object({
  file: z.literal('packferry-linux-x64'),
  platform: z.literal('linux-x64'),
  version: z.string(),
  size,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A layer that is left out, since the far side has it. */
export const requiredBlob = z.object({
  ...descriptor.shape,
  /** Which entry of `base` has it. */
  base: z.string().max(1024).exactOptional(),
  /** An image of that base that has it: a registry lends a layer of one repository to another by its name. */
  image: z.string().max(1024).exactOptional(),
});

/** `bundle.json`: what a bundle says of itself. Unknown fields of a known major version are ignored. */
export const bundleSchema = z.object({
  schema: z.literal(bundleSchemaId),
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9._-]*$/),
  sequence: z.int().nonnegative(),
  createdAt: utcTime,
  expiresAt: utcTime.exactOptional(),
  /** The sites that may import it; absent: all. */
  audience: z.array(z.string().min(1)).min(1).max(1000).exactOptional(),
  /** What is to become of names that stand for other images there; absent: that is for whoever imports it to say. */
  onExisting: z.enum(['keep', 'retag']).exactOptional(),
  tool: z.object({ name: z.string(), version: z.string() }),
  platform,
  images: z.array(bundleImage).min(1).max(100_000),
  archives: z.array(bundleArchive).min(1).max(999),
  packs: z.array(
    z.object({
      id: z.string(),
      version: z.string(),
      file: packFile,
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** At most one, since there is one name for it. */
  importers: z.array(bundleImporter).max(1).exactOptional(),
  requires: z.array(requiredBlob).max(100_000),
  /** What `requires` follows from: earlier bundles, receipts, inventories, in words. */
  base: z.array(z.string().max(1024)).max(1000),
  findings: z.array(bundleFinding),
});

export type BundleDocument = z.infer<typeof bundleSchema>;
export type BundleImage = z.infer<typeof bundleImage>;
export type BundleArchive = z.infer<typeof bundleArchive>;
export type BundleImporter = z.infer<typeof bundleImporter>;
export type RequiredBlob = z.infer<typeof requiredBlob>;
export type BundleFinding = z.infer<typeof bundleFinding>;
