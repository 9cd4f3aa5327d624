import * as z from 'zod';
import { descriptor, digest, platform } from './parts.ts';

// Documents of the OCI image specification, and Docker's of the same shape. What other tools put in besides is kept
// (looseObject) where we write a document back, and dropped where we only read it.

/** An entry of an index. */
export const ociIndexEntry = z.looseObject({
  ...descriptor.shape,
  platform: z.looseObject(platform.shape).exactOptional(),
  annotations: z.record(z.string(), z.string()).exactOptional(),
});

/** An image index or Docker manifest list; also `index.json` of an OCI image layout. */
export const ociIndexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().exactOptional(),
  manifests: z.array(ociIndexEntry).max(100_000),
});

/** The manifest of one image. */
export const ociManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().exactOptional(),
  config: descriptor,
  layers: z.array(descriptor).max(500),
});

/** What packferry needs of an image configuration. */
export const ociConfigSchema = z.object({
  ...platform.shape,
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest).max(500) }),
});

/** The marker file of an OCI image layout. */
export const ociLayoutSchema = z.object({ imageLayoutVersion: z.string().regex(/^1\./) });

export type OciIndexEntry = z.infer<typeof ociIndexEntry>;
export type OciIndex = z.infer<typeof ociIndexSchema>;
export type OciManifest = z.infer<typeof ociManifestSchema>;
export type OciConfig = z.infer<typeof ociConfigSchema>;
