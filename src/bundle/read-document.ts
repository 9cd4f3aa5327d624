import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { Platform } from '../core/platform.ts';
import { formatReference, parseReference, tagNameOf } from '../core/reference.ts';
import { planArchive, type ArchivePlan } from '../archive/plan.ts';
import { bundleSchema, bundleSchemaId, type BundleDocument, type BundleImage } from '../schema/bundle.ts';
import { archiveEntry, leftOutOf } from './document.ts';
import { bundleFiles } from './names.ts';

/** One archive of a bundle as its document describes it. */
export interface ReadVolume {
  readonly file: string;
  readonly plan: ArchivePlan;
  readonly images: readonly BundleImage[];
  /** The one of all images of the bundle. */
  readonly platform: Platform;
}

export interface ReadDocument {
  readonly document: BundleDocument;
  readonly volumes: readonly ReadVolume[];
}

/**
 * Reads bundle.json: strict JSON, the schema of a known major version, and the archive plans that follow from it,
 * which must be the ones that it states. Throws `E_BUNDLE_MALFORMED` or `E_BUNDLE_NEWER`.
 */
export function readDocument(bytes: Uint8Array): ReadDocument {
  const value = parseStrictJson(bytes, { name: bundleFiles.document, maxBytes: limits.bundleJson });
  checkVersion(value);
  const parsed = bundleSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as the format says'}`);
  }
  const document = parsed.data;
  checkReferences(document);
  checkRequires(document);
  return { document, volumes: document.archives.map(({ file }) => planVolume(document, file)) };
}

function checkVersion(value: unknown): void {
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  const [, major] = /^packferry\.bundle\/v([0-9]+)$/.exec(typeof schema === 'string' ? schema : '') ?? [];
  if (major === undefined) throw malformed('it does not say that it is a packferry bundle');
  if (Number(major) > 1) {
    throw new PackferryError(
      'E_BUNDLE_NEWER',
      `the bundle has format ${String(schema)}, this packferry knows ${bundleSchemaId}`,
      {
        hint: 'Import it with a newer packferry.',
      },
    );
  }
}

/** Only layers of its images are left out, each is listed once, in the order of the digests, with the size that it has there. */
function checkRequires({ images, requires }: BundleDocument): void {
  const sizes = new Map(images.flatMap(({ layers }) => layers.map(({ digest, size }) => [digest, size])));
  const documents = new Set(images.flatMap(({ manifest, config }) => [manifest.digest, config.digest]));
  let before = '';
  for (const { digest, size } of requires) {
    if (digest <= before) throw malformed(`requires lists ${digest} twice, or not in its place`);
    if (documents.has(digest) || sizes.get(digest) !== size) {
      throw malformed(`requires lists ${digest}, which is no layer of its images of ${size} bytes`);
    }
    before = digest;
  }
}

/** Names are fully qualified, each stands for one image, and each image lies in an archive that is listed. */
function checkReferences(document: BundleDocument): void {
  const seen = new Map<string, string>();
  const archives = new Set(document.archives.map(({ file }) => file));
  if (archives.size !== document.archives.length) throw malformed('an archive is listed twice');
  for (const { reference, archive, manifest } of document.images) {
    const parsed = parseReference(reference);
    if (formatReference(parsed) !== reference) throw malformed(`${reference} is not fully qualified`);
    if (seen.has(reference)) throw malformed(`${reference} is listed twice`);
    // Engines leave the digest out of a name that has a tag.
    const name = tagNameOf(parsed) ?? reference;
    if ((seen.get(name) ?? manifest.digest) !== manifest.digest)
      throw malformed(`${name} is the name of two images`);
    if (!archives.has(archive)) throw malformed(`${reference} lies in ${archive}, which is not listed`);
    seen.set(reference, manifest.digest).set(name, manifest.digest);
  }
}

function planVolume(document: BundleDocument, file: string): ReadVolume {
  const images = document.images.filter(({ archive }) => archive === file);
  checkSizes(images);
  const plan = planArchive(images, { commitRecord: 'first', without: leftOutOf(document.requires) });
  const stated = document.archives.find((archive) => archive.file === file);
  const planned = archiveEntry(file, plan, stated?.sha256 ?? '');
  if (JSON.stringify(planned) !== JSON.stringify(stated)) {
    throw malformed(`what it says of ${file} does not follow from the images in it`);
  }
  return { file, plan, images, platform: document.platform };
}

/** A digest has one size, wherever it stands. */
function checkSizes(images: readonly BundleImage[]): void {
  const sizes = new Map<string, number>();
  for (const { reference, manifest, config, layers } of images) {
    for (const { digest, size } of [manifest, config, ...layers]) {
      if ((sizes.get(digest) ?? size) !== size) throw malformed(`${reference}: ${digest} has two sizes`);
      sizes.set(digest, size);
    }
  }
}

function malformed(why: string): PackferryError {
  return new PackferryError('E_BUNDLE_MALFORMED', `${bundleFiles.document}: ${why}`);
}
