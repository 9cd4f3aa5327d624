import * as z from 'zod';
import { isDigest, type Digest } from '../core/digest.ts';

/** `sha256:` and 64 lower-case hex digits. */
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .refine((text): text is Digest => isDigest(text));

/** A size in bytes: a whole number that JavaScript can count exactly. */
export const size = z.int().nonnegative();

/** A time in UTC, as `2026-11-23T05:00:00Z`, with or without fractions of a second. */
export const utcTime = z.iso.datetime();

/** A plain file name inside a bundle: no folder, no leading dot or dash, nothing that a shell or FAT32 dislikes. */
export const fileName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);

/** The path of a carried content pack inside a bundle. */
export const packFile = z
  .string()
  .max(255)
  .regex(/^packs\/[A-Za-z0-9_][A-Za-z0-9._-]*\.zip$/);

/** `os`, `architecture` and perhaps `variant`. */
export const platform = z.object({
  os: z.string().min(1),
  architecture: z.string().min(1),
  variant: z.string().min(1).exactOptional(),
});

/** OCI content descriptor, the three fields that identify content. */
export const descriptor = z.object({ mediaType: z.string().min(1).max(255), digest, size });

/** A layer descriptor with the digest of its uncompressed content. */
export const layer = z.object({ ...descriptor.shape, diffId: digest });

/** Where an item of a pack names an image. */
export const imageUse = z.object({
  pack: z.string(),
  item: z.string(),
  kind: z.enum(['integration', 'script', 'manifest']),
  file: z.string(),
  line: z.int().positive(),
  column: z.int().positive(),
  key: z.string(),
});

/** An image whose digests are known. */
export const lockedImage = z.object({
  reference: z.string().min(1).max(1024),
  platform,
  manifest: descriptor,
  config: descriptor,
  layers: z.array(layer).max(500),
  source: z.string(),
  /** Why its makers have given it up, when the image says that they have. */
  deprecated: z.string().exactOptional(),
});

/** Where an item of a pack, or a manifest, names an image. */
export type ImageUse = z.infer<typeof imageUse>;
