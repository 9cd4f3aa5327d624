import * as z from 'zod';

/**
 * What packferry reads of `pack_metadata.json` and of the `metadata.json` of built packs and contributions. Any of the
 * keys may be missing, and there are many more.
 */
export const packMetadataSchema = z.object({
  id: z.string().nullish(),
  name: z.string().nullish(),
  currentVersion: z.string().nullish(),
});

export type PackMetadata = z.infer<typeof packMetadataSchema>;
