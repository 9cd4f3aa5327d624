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

const nativeImageName = z.string().min(1).max(255);

/**
 * `docker_native_image_config.json` of the content repository: what runs in which native image. Versions are written as
 * `native:8.8`; those that are still being built have no `docker_ref`.
 */
export const nativeConfigSchema = z.object({
  native_images: z.record(
    nativeImageName,
    z.object({
      /** Names of images without organisation and tag. */
      supported_docker_images: z.array(z.string()).max(10_000),
      docker_ref: z.string().nullish(),
    }),
  ),
  ignored_content_items: z
    .array(z.object({ id: z.string(), ignored_native_images: z.array(z.string()) }))
    .max(100_000)
    .nullish(),
  /** Further names of versions, such as `native:ga`. */
  flags_versions_mapping: z.record(nativeImageName, z.string()).nullish(),
});

/** `deprecated_images.json` of the vendor's image repository. */
export const deprecatedImagesSchema = z
  .array(
    z.object({
      /** Without tag: all tags are meant. */
      image_name: z.string().min(1).max(255),
      created_time_utc: z.string().nullish(),
      reason: z.string().max(10_000).nullish(),
    }),
  )
  .max(100_000);

export type PackMetadata = z.infer<typeof packMetadataSchema>;
export type NativeConfig = z.infer<typeof nativeConfigSchema>;
