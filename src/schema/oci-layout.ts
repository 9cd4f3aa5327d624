import * as z from 'zod';
import { descriptor } from './parts.ts';

// The two files of an OCI image layout folder. `index.json` is written back with what other tools put into it: hence
// loose objects, which keep unknown fields. Go programs write absent fields also as null or as an empty string.

/** An entry of `index.json`. */
export const layoutEntry = z.looseObject({
  ...descriptor.shape,
  platform: z
    .looseObject({ os: z.string(), architecture: z.string(), variant: z.string().nullish() })
    .nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});

/** `index.json`. */
export const layoutIndexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(layoutEntry).max(100_000),
});

/** `oci-layout`, the marker file. */
export const layoutMarkerSchema = z.object({ imageLayoutVersion: z.string().regex(/^1\./) });

export type LayoutEntry = z.infer<typeof layoutEntry>;
export type LayoutIndex = z.infer<typeof layoutIndexSchema>;
