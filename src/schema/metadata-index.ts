import * as z from 'zod';
import { size } from './parts.ts';

/** The `schema` value of the index files that this version writes. Others are made anew. */
export const metadataIndexSchemaId = 'packferry.image-metadata-index/v1';

const name = z.string().max(1024);

/** The index of a folder of image metadata, as it is kept between runs. */
export const metadataIndexSchema = z.object({
  schema: z.literal(metadataIndexSchemaId),
  /** The folder, without symbolic links. */
  folder: z.string(),
  /** Changes when files come or go. */
  fingerprint: z.string(),
  /** Names and versions, each once; everything else refers to them by their place. */
  packages: z.array(z.tuple([z.enum(['python', 'os']), name, name])),
  /** `[image, tag, bytes, created, python, number of packages]`; null for what is not known. */
  images: z.array(z.tuple([name, name, size.nullable(), z.string().nullable(), z.string().nullable(), size])),
  /** The packages of all images one after the other, as 32-bit numbers in little-endian order, in base64. */
  contents: z.string(),
  /** Files that are no image metadata: how many, and the first of them. */
  skipped: size,
  skippedNames: z.array(z.string()),
});

export type MetadataIndexDocument = z.infer<typeof metadataIndexSchema>;
