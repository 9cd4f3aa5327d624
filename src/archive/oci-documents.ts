import type * as z from 'zod';
import { deprecationIn } from '../core/deprecation.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { refuseForeignLayers } from '../core/foreign-layers.ts';
import type { Descriptor, Layer } from '../core/image.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { platformFrom, type Platform } from '../core/platform.ts';
import { layoutIndexSchema, layoutMarkerSchema, type LayoutIndex } from '../schema/oci-layout.ts';
import {
  documentHead,
  imageConfigSchema,
  imageIndexSchema,
  imageManifestSchema,
  type ImageIndexDocument,
  type ImageManifestDocument,
} from '../schema/oci.ts';

// Every function here throws `E_JSON_INVALID`, `E_LIMIT_EXCEEDED` or `E_IMAGE_MALFORMED`, naming the document by `name`.

/** Checks the marker file of an OCI image layout: version 1. */
export function checkLayoutMarker(bytes: Buffer, name: string): void {
  validate(layoutMarkerSchema, parseStrictJson(bytes, { name, maxBytes: limits.layoutMarker }), name);
}

/** Reads `index.json` of an OCI image layout. */
export function parseLayoutIndex(bytes: Buffer, name: string): LayoutIndex {
  return validate(layoutIndexSchema, parseStrictJson(bytes, { name, maxBytes: limits.layoutIndex }), name);
}

/** Reads an index that `descriptor` leads to. */
export function parseIndex(bytes: Buffer, descriptor: Descriptor, name: string): ImageIndexDocument {
  return validate(imageIndexSchema, parseTyped(bytes, descriptor, name), name);
}

/** Reads a manifest that `descriptor` leads to. */
export function parseManifest(bytes: Buffer, descriptor: Descriptor, name: string): ImageManifestDocument {
  return validate(imageManifestSchema, parseTyped(bytes, descriptor, name), name);
}

/** What packferry needs of an image configuration. */
export interface ImageConfig extends Platform {
  readonly diffIds: readonly Digest[];
  /** See `LockedImage`. */
  readonly deprecated?: string;
}

/** Reads an image configuration. */
export function parseConfig(bytes: Buffer, name: string): ImageConfig {
  const value = parseStrictJson(bytes, { name, maxBytes: limits.imageConfig });
  const document = validate(imageConfigSchema, value, name);
  const platform = platformFrom(document);
  if (platform === undefined) throw malformed(name, 'its config does not name its platform');
  const diffIds = (document.rootfs.diff_ids ?? []).map((diffId, at) => {
    if (!isDigest(diffId)) throw malformed(name, `its config has no digest at rootfs.diff_ids.${at}`);
    return diffId;
  });
  const deprecated = deprecationIn(document.config?.Env);
  return { ...platform, diffIds, ...(deprecated === undefined ? {} : { deprecated }) };
}

/**
 * Joins the layers of a manifest with the diff IDs of its configuration. Also throws `E_LAYER_FOREIGN` for a layer
 * that is not kept with its image.
 */
export function joinLayers(
  manifest: ImageManifestDocument,
  { diffIds }: Pick<ImageConfig, 'diffIds'>,
  name: string,
): Layer[] {
  const { layers } = manifest;
  refuseForeignLayers(layers, name);
  const joined = layers.flatMap(({ mediaType, digest, size }, at) => {
    const diffId = diffIds[at];
    return diffId === undefined ? [] : [{ mediaType, digest, size, diffId }];
  });
  if (joined.length !== layers.length || diffIds.length !== layers.length) {
    throw malformed(name, `its manifest has ${layers.length} layers, its config ${diffIds.length}`);
  }
  return joined;
}

/** A document that calls itself something else than its descriptor does is read differently by different readers. */
function parseTyped(bytes: Buffer, descriptor: Descriptor, name: string): unknown {
  const value = parseStrictJson(bytes, { name, maxBytes: limits.imageManifest });
  const { schemaVersion, mediaType = descriptor.mediaType } = validate(documentHead, value, name);
  if (schemaVersion !== 2) throw malformed(name, `it has schema version ${schemaVersion}`);
  if (mediaType !== descriptor.mediaType) {
    throw malformed(name, `it is announced as ${descriptor.mediaType} and calls itself ${mediaType}`);
  }
  return value;
}

/** What a document says, or `E_IMAGE_MALFORMED` with the first place that is wrong. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw malformed(name, `${place}${issue?.message ?? 'unreadable'}`, result.error);
}

function malformed(name: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_IMAGE_MALFORMED', `${name}: ${why}`, {
    hint: 'The image is broken where it is kept. Copy it there again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
