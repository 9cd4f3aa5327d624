import * as z from 'zod';

const text = z.string().nullish();

/** What a pack needs. `mandatory` is missing now and then, and so is the version. */
const dependency = z
  .object({
    mandatory: z.boolean().nullish(),
    minVersion: text,
    name: text,
    display_name: text,
  })
  .nullish();

/**
 * What packferry reads of the `metadata.json` of a built pack, in the pack itself and in the index of a marketplace, and
 * of `metadata-<version>.json`. Any of the keys may be missing or null, and there are many more.
 */
export const builtMetadataSchema = z.object({
  id: text,
  name: text,
  currentVersion: text,
  dependencies: z.record(z.string(), dependency).nullish(),
  hidden: z.boolean().nullish(),
  deprecated: z.boolean().nullish(),
});

export type BuiltMetadata = z.infer<typeof builtMetadataSchema>;

/** `changelog.json` of a pack: release notes by version. Only the versions are of interest. */
export const changelogSchema = z.record(z.string(), z.unknown());

/** `index/index.json`: the state of the marketplace. Its list of packs has only those that cost something. */
export const marketplaceStateSchema = z.object({
  revision: z.union([z.string(), z.number()]).nullish(),
  packs: z.array(z.object({ id: text, price: z.number().nullish() }).nullish()).nullish(),
});

/** An entry of `marketplace_packs` in `xsoar_config.json`. */
export const marketplaceEntrySchema = z.object({
  id: z.string().min(1),
  version: z.string().min(1).nullish(),
});

/** An entry of `custom_packs` in `xsoar_config.json`. */
export const customEntrySchema = z.object({ id: z.string().min(1), url: z.string().min(1) });

/**
 * `xsoar_config.json`, the file that the content management of XSOAR sets up servers with. Entries may be nothing but
 * comments. Other keys (`lists`, `jobs`) are of no interest here.
 */
export const xsoarConfigSchema = z.object({
  marketplace_packs: z.array(z.unknown()).nullish(),
  custom_packs: z.array(z.unknown()).nullish(),
});
