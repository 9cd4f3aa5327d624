import type { Digest } from '../core/digest.ts';
import type { LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import { planArchive, type ArchivePlan } from '../archive/plan.ts';
import {
  bundleSchemaId,
  type BundleArchive,
  type BundleDocument,
  type BundleFinding,
  type RequiredBlob,
} from '../schema/bundle.ts';
import type { ImageUse } from '../schema/parts.ts';
import type { CarriedPack } from './carried-packs.ts';
import type { CarriedImporter } from './importer-file.ts';
import { archiveName } from './names.ts';

/** An image that a bundle is to carry, with the places that need it. */
export interface BundledImage {
  readonly image: LockedImage;
  readonly usedBy: readonly ImageUse[];
  /** What an independent list of digests said, when one was asked. */
  readonly witness?: 'agrees' | 'absent';
}

/** What a bundle leaves out. */
export interface LeftOut {
  /** Layers of its images, each once; no layer among them is carried in any archive. */
  readonly requires: readonly RequiredBlob[];
  /** What says that the far side has them, in words: the values of `base` in `requires` are among these. */
  readonly base: readonly string[];
}

/** What a bundle is to hold, in the volumes in which it is to hold it. */
export interface BundleContent {
  readonly name: string;
  readonly platform: Platform;
  /** One list of images per archive. */
  readonly volumes: readonly (readonly BundledImage[])[];
  readonly findings: readonly BundleFinding[];
  /** Content packs that are carried along. */
  readonly packs: readonly CarriedPack[];
  /** Layers that stay out, since the far side has them; absent: none. */
  readonly leftOut?: LeftOut;
  /** The program that is to import it, where a site has none. */
  readonly importer?: CarriedImporter;
  /** Seconds after `createdAt` when the bundle is not to be imported any more; absent: never. */
  readonly expiresAfter?: number;
  /** The sites that may import the bundle; absent: all. */
  readonly audience?: readonly string[];
  /** What the bundle asks for where names stand for other images at a target; absent: nothing. */
  readonly onExisting?: 'keep' | 'retag';
}

/** One archive of a bundle: its file name and its plan, byte for byte. */
export interface PlannedVolume {
  readonly file: string;
  readonly plan: ArchivePlan;
  readonly images: readonly BundledImage[];
}

/**
 * What makes two contents the same bundle: the images by name and digest, how they are divided, what is left out, the packs, the
 * importer, the sites, and what it asks of them. Who needs an image, and which mirror answered, may change without a byte of the archives changing.
 */
export function contentIdentity(content: BundleContent): string {
  const { name, platform, volumes, packs, importer, audience, leftOut, onExisting } = content;
  const requires = leftOut?.requires.map(({ digest }) => digest).sort() ?? [];
  return JSON.stringify({
    name,
    platform,
    volumes: volumes.map((images) =>
      images.map(({ image: { reference, manifest, config, layers } }) => [
        reference,
        manifest,
        config,
        layers,
      ]),
    ),
    packs: packs.map(({ id, version }) => [id, version]).sort(),
    importer: importer?.entry.sha256,
    ...(audience === undefined ? {} : { audience: [...audience].sort() }),
    ...(requires.length === 0 ? {} : { requires }),
    ...(onExisting === undefined ? {} : { onExisting }),
  });
}

/** The same of a bundle that is there. */
export function documentIdentity(document: BundleDocument): string {
  const {
    name,
    platform,
    images,
    archives,
    packs,
    importers: [entry] = [],
    audience,
    requires,
    base,
    onExisting,
  } = document;
  const volumes = archives.map(({ file }) =>
    images
      .filter(({ archive }) => archive === file)
      .map((image) => ({ image: { ...image, platform }, usedBy: [] })),
  );
  const carried = packs.map(({ id, version }) => ({ id, version, zip: '' }));
  const importer = entry === undefined ? {} : { importer: { path: '', entry } };
  const sites = {
    ...(audience === undefined ? {} : { audience }),
    ...(onExisting === undefined ? {} : { onExisting }),
  };
  const leftOut = { requires, base };
  return contentIdentity({
    ...{ name, platform, volumes, packs: carried, findings: [], leftOut },
    ...importer,
    ...sites,
  });
}

/** Plans every archive of a bundle. The same content gives the same plans. */
export function planVolumes(content: BundleContent): PlannedVolume[] {
  const without = leftOutOf(content.leftOut?.requires ?? []);
  return content.volumes.map((images, index) => ({
    file: archiveName(index),
    plan: planArchive(
      images.map(({ image }) => image),
      { commitRecord: 'first', without },
    ),
    images,
  }));
}

/** The digests of what a bundle leaves out. */
export function leftOutOf(requires: readonly RequiredBlob[]): ReadonlySet<Digest> {
  return new Set(requires.map(({ digest }) => digest));
}

export interface DocumentFacts {
  readonly sequence: number;
  readonly createdAt: string;
  readonly tool: { readonly name: string; readonly version: string };
  /** sha256 in hex of every archive file. */
  readonly sha256: ReadonlyMap<string, string>;
  /** The packs as they stand in the bundle. */
  readonly packs: BundleDocument['packs'];
}

/** Writes down what a bundle holds: the value of `bundle.json`. */
export function makeDocument(
  content: BundleContent,
  volumes: readonly PlannedVolume[],
  facts: DocumentFacts,
): BundleDocument {
  return {
    schema: bundleSchemaId,
    name: content.name,
    sequence: facts.sequence,
    createdAt: facts.createdAt,
    ...(content.expiresAfter === undefined
      ? {}
      : { expiresAt: laterBy(facts.createdAt, content.expiresAfter) }),
    ...(content.audience === undefined ? {} : { audience: [...content.audience] }),
    ...(content.onExisting === undefined ? {} : { onExisting: content.onExisting }),
    tool: { ...facts.tool },
    platform: { ...content.platform },
    images: volumes.flatMap(({ file, images }) =>
      images.map(({ image, usedBy, witness }) => ({
        reference: image.reference,
        manifest: { ...image.manifest },
        config: { ...image.config },
        layers: image.layers.map((layer) => ({ ...layer })),
        archive: file,
        source: image.source,
        usedBy: usedBy.map(({ pack, item, kind, file: where, line, column, key }) => {
          return { pack, item, kind, file: where, line, column, key };
        }),
        ...(witness === undefined ? {} : { witness }),
      })),
    ),
    archives: volumes.map(({ file, plan }) => archiveEntry(file, plan, facts.sha256.get(file) ?? '')),
    packs: [...facts.packs],
    ...(content.importer === undefined ? {} : { importers: [content.importer.entry] }),
    requires: (content.leftOut?.requires ?? []).map((blob) => ({ ...blob })).sort(byDigest),
    base: [...(content.leftOut?.base ?? [])],
    findings: [...content.findings],
  };
}

function byDigest(a: RequiredBlob, b: RequiredBlob): number {
  return a.digest < b.digest ? -1 : 1;
}

function laterBy(time: string, seconds: number): string {
  return `${new Date(Date.parse(time) + seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** The entry of one archive in `bundle.json`: where each of its blobs stands. */
export function archiveEntry(file: string, plan: ArchivePlan, sha256: string): BundleArchive {
  return { file, size: plan.size, sha256, blobs: blobPlaces(plan) };
}

/** Digest, offset and size of every blob of an archive, in the archive's order. */
export function blobPlaces(plan: ArchivePlan): { digest: Digest; offset: number; size: number }[] {
  return plan.entries.flatMap((entry) =>
    entry.kind === 'blob' ? [{ digest: entry.blob.digest, offset: entry.dataOffset, size: entry.size }] : [],
  );
}

/** The files that bundle.json itself gives the sums of. */
export function describedFiles(
  document: Pick<BundleDocument, 'archives' | 'packs' | 'importers'>,
): { readonly file: string; readonly sha256: string }[] {
  return [...document.archives, ...document.packs, ...(document.importers ?? [])];
}

/** The text of a JSON file of a bundle: indented, so that people can read and compare it. */
export function documentText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
