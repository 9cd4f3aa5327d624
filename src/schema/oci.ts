import * as z from 'zod';
import { limits } from '../core/limits.ts';
import { descriptor } from './parts.ts';

// Documents of the OCI image specification and their Docker forms: only the fields that packferry needs. Go programs
// write absent fields also as null or as an empty string.

const offeredPlatform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullish(),
});

/** One manifest of an index. */
const indexEntry = z.object({
  ...descriptor.shape,
  platform: offeredPlatform.nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});

/** What every manifest and index begins with. `mediaType` is optional in OCI, required in Docker's documents. */
export const documentHead = z.object({
  schemaVersion: z.int(),
  mediaType: z.string().max(255).exactOptional(),
});

/** OCI image index, Docker manifest list. A document that is also an image manifest is refused (CVE-2021-41190). */
export const imageIndexSchema = z.object({
  manifests: z.array(indexEntry).max(1000),
  config: z.never().optional(),
  layers: z.never().optional(),
});

/** OCI image manifest, Docker manifest version 2, schema 2. */
export const imageManifestSchema = z.object({
  config: descriptor,
  layers: z.array(z.object({ ...descriptor.shape, urls: z.array(z.string()).nullish() })).max(limits.layers),
  manifests: z.never().optional(),
});

/** OCI image configuration. An image without layers may say null for its list. */
export const imageConfigSchema = z.object({
  ...offeredPlatform.shape,
  rootfs: z.object({ diff_ids: z.array(z.string()).max(limits.layers).nullish() }),
  config: z.object({ Env: z.array(z.string()).nullish() }).nullish(),
});

/** The answer of a token service (distribution project, "Token Authentication Specification"). */
export const tokenAnswerSchema = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  /** Seconds. */
  expires_in: z.number().positive().nullish(),
});

export type ImageIndexDocument = z.infer<typeof imageIndexSchema>;
export type ImageIndexEntry = z.infer<typeof indexEntry>;
export type ImageManifestDocument = z.infer<typeof imageManifestSchema>;
export type ImageConfigDocument = z.infer<typeof imageConfigSchema>;
