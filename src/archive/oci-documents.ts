import type * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, Layer } from '../core/image.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { isForeignLayerType } from '../core/media-types.ts';
import {
  ociConfigSchema,
  ociIndexSchema,
  ociLayoutSchema,
  ociManifestSchema,
  type OciConfig,
  type OciIndex,
  type OciManifest,
} from '../schema/oci-image.ts';

/**
 * Reads an index that `descriptor` leads to. Throws `E_IMAGE_MALFORMED`, `E_JSON_INVALID` or `E_LIMIT_EXCEEDED`, as
 * all functions here.
 */
export function parseIndex(bytes: Buffer, descriptor: Descriptor, name: string): OciIndex {
  return ofType(parse(bytes, ociIndexSchema, limits.imageManifest, name), descriptor, name);
}

/** Reads `index.json` of an OCI image layout. */
export function parseLayoutIndex(bytes: Buffer, name: string): OciIndex {
  return parse(bytes, ociIndexSchema, limits.layoutIndex, name);
}

/** Checks the marker file of an OCI image layout: version 1. */
export function checkLayoutMarker(bytes: Buffer, name: string): void {
  parse(bytes, ociLayoutSchema, limits.layoutMarker, name);
}

/** Reads the manifest of one image. */
export function parseManifest(bytes: Buffer, descriptor: Descriptor, name: string): OciManifest {
  return ofType(parse(bytes, ociManifestSchema, limits.imageManifest, name), descriptor, name);
}

/** Reads an image configuration. */
export function parseConfig(bytes: Buffer, name: string): OciConfig {
  return parse(bytes, ociConfigSchema, limits.imageConfig, name);
}

/**
 * Joins the layers of a manifest with the diff IDs of its configuration. Also throws `E_LAYER_FOREIGN` for a layer
 * that is not carried with its image.
 */
export function joinLayers(manifest: OciManifest, config: OciConfig, name: string): Layer[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    const counts = `${manifest.layers.length} layers in the manifest, ${diffIds.length} in the configuration`;
    throw new PackferryError('E_IMAGE_MALFORMED', `${name}: ${counts}`);
  }
  return manifest.layers.flatMap((layer, at) => {
    if (isForeignLayerType(layer.mediaType)) {
      const what = `${name}: layer ${layer.digest} is "${layer.mediaType}": it is kept elsewhere`;
      throw new PackferryError('E_LAYER_FOREIGN', what, { hint: 'Such images cannot be carried.' });
    }
    const diffId = diffIds[at];
    return diffId === undefined ? [] : [{ ...layer, diffId }];
  });
}

/** A document that calls itself something else than its descriptor does would be read differently by others. */
function ofType<T extends { readonly mediaType?: string }>(
  document: T,
  descriptor: Descriptor,
  name: string,
): T {
  const { mediaType } = document;
  if (mediaType === undefined || mediaType === descriptor.mediaType) return document;
  const types = `is said to be "${descriptor.mediaType}" but calls itself "${mediaType}"`;
  throw new PackferryError('E_IMAGE_MALFORMED', `${name}: ${types}`);
}

function parse<Schema extends z.ZodType>(
  bytes: Buffer,
  schema: Schema,
  maxBytes: number,
  name: string,
): z.infer<Schema> {
  const result = schema.safeParse(parseStrictJson(bytes, { name, maxBytes }));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new PackferryError('E_IMAGE_MALFORMED', `${name}: ${where}${issue?.message ?? 'malformed'}`, {
    cause: result.error,
  });
}
