import type * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import {
  documentHead,
  imageConfigSchema,
  imageIndexSchema,
  imageManifestSchema,
  type ImageConfigDocument,
  type ImageIndexDocument,
  type ImageManifestDocument,
} from '../schema/oci.ts';
import type { ImageDocument } from './document-cache.ts';
import { printable } from './refusal-words.ts';

/** What stands under a reference: one image, or a list of images for several platforms. */
export type ManifestDocument =
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: ImageIndexDocument }
  | { readonly kind: 'image'; readonly mediaType: string; readonly manifest: ImageManifestDocument };

/**
 * Reads a manifest or an index. Its type stands in the document, in the answer's header, or in both, which then must
 * agree: two readers that take different ones would see different images. Throws `E_IMAGE_MALFORMED`, or
 * `E_SOURCE_PROTOCOL` for types that are no image manifest. `name` names the image.
 */
export function readManifestDocument(document: ImageDocument, name: string): ManifestDocument {
  refuseOldSchema(document.mediaType, undefined, name);
  const announced = isKnownType(document.mediaType) ? document.mediaType : undefined;
  if (announced === undefined && document.mediaType === 'text/html')
    throw noManifest(document.mediaType, name);

  const value = parse(document, name);
  const head = validate(documentHead, value, 'manifest', name);
  const mediaType = head.mediaType ?? announced ?? document.mediaType;
  refuseOldSchema(mediaType, head.schemaVersion, name);
  if (!isKnownType(mediaType)) throw noManifest(mediaType, name);
  if (announced !== undefined && announced !== mediaType) {
    throw malformed(name, `its manifest is announced as ${announced} and calls itself ${mediaType}`);
  }
  return isIndexType(mediaType)
    ? { kind: 'index', mediaType, index: validate(imageIndexSchema, value, 'index', name) }
    : { kind: 'image', mediaType, manifest: validate(imageManifestSchema, value, 'manifest', name) };
}

/** Reads an image configuration; throws `E_IMAGE_MALFORMED`. `name` names the image. */
export function readConfigDocument(document: ImageDocument, name: string): ImageConfigDocument {
  return validate(imageConfigSchema, parse(document, name), 'config', name);
}

/** The error for an image whose documents contradict the specification or each other. */
export function malformed(name: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_IMAGE_MALFORMED', `${name}: ${why}`, {
    hint: 'The image is broken where it is kept. Build or push it again.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function isKnownType(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

function parse({ bytes, digest }: ImageDocument, name: string): unknown {
  try {
    return parseStrictJson(bytes, { name: digest, maxBytes: bytes.length });
  } catch (fault) {
    throw malformed(name, fault instanceof Error ? printable(fault.message) : String(fault), fault);
  }
}

function validate<T>(schema: z.ZodType<T>, value: unknown, kind: string, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw malformed(name, `its ${kind} is invalid${place}: ${issue?.message ?? 'unreadable'}`, result.error);
}

/** Docker Hub and all engines gave up the format of 2014, which cannot be checked by digest. */
function refuseOldSchema(mediaType: string, schemaVersion: number | undefined, name: string): void {
  if (!mediaType.startsWith('application/vnd.docker.distribution.manifest.v1+') && schemaVersion !== 1)
    return;
  throw new PackferryError('E_SOURCE_PROTOCOL', `${name}: the registry only has a manifest of schema 1`, {
    hint: 'The format is obsolete and not supported. Pull the image with a current engine and push it again.',
  });
}

function noManifest(mediaType: string, name: string): PackferryError {
  const shown = mediaType === '' ? 'something without a media type' : printable(mediaType);
  return new PackferryError(
    'E_SOURCE_PROTOCOL',
    `${name}: the registry answers with ${shown}, no image manifest`,
    {
      hint: 'Check that the host is a registry and that the name stands for a container image.',
    },
  );
}
