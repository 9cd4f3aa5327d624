import * as z from 'zod';
import { size } from './parts.ts';

/** The `schema` value of the index files that this version writes. Others are made anew. */
export const metadataIndexSchemaId = 'packferry.image-metadata-index/v1';

/** The index of a folder of image metadata, as it is kept between runs. */
export const metadataIndexSchema = z.object({
  schema: z.literal(metadataIndexSchemaId),
  /** The folder, without symbolic links. */
  folder: z.string(),
  /** Changes when files come or go. */
  fingerprint: z.string(),
  /** A line for each package of each version: kind, name, version, between tabulators. Texts are read faster than lists. */
  packages: z.string(),
  /** A line for each tag: image, tag, bytes, time, Python (each may be empty), number of packages. */
  images: z.string(),
  /** The packages of all images one after the other, as 32-bit numbers in little-endian order, in base64. */
  contents: z.string(),
  /** Files that are no image metadata: how many, and the first of them. */
  skipped: size,
  skippedNames: z.array(z.string()),
});

export type MetadataIndexDocument = z.infer<typeof metadataIndexSchema>;
