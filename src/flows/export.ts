import { stat } from 'node:fs/promises';
import type { Emit } from '../core/events.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { ImageSource } from '../core/ports.ts';
import { readFinished, type FinishedBundle } from '../bundle/finished.ts';
import { contentIdentity, documentIdentity, type BundleContent } from '../bundle/document.ts';
import { withExportLock } from '../bundle/export-lock.ts';
import type { Owner } from '../bundle/lock-file.ts';
import type { CarriedImporter } from '../bundle/importer-file.ts';
import type { BlobLender } from '../bundle/lender.ts';
import { refuseUnfit } from '../bundle/take-up.ts';
import { writeBundle, type WrittenBundle } from '../bundle/write.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { reportVersion, type ExportReport } from '../schema/reports.ts';
import type { Signers } from '../trust/signer.ts';
import type { Base } from './base/base.ts';
import { leaveOut } from './base/leave-out.ts';
import { reportLeftOut } from './base/report.ts';
import { checkPresent } from './present.ts';
import { contentOf } from './plan.ts';
import { throwForbidden } from './policy-errors.ts';
import { bundleHead, reportImporters, totalsOf } from './report.ts';
import { ReuseCount } from './reuse.ts';
import { throwUnresolved, type Resolved } from './resolve.ts';
import type { Selection } from './selection.ts';

export interface ExportOptions {
  readonly dir: string;
  readonly selection: Selection;
  /** The images with their digests, from a registry or from a lock. */
  readonly resolved: Resolved;
  readonly source: ImageSource;
  readonly signers: Signers;
  /** The process that exports: two into one folder would spoil each other's work. */
  readonly owner: Owner;
  readonly perImage: boolean;
  /** From `openImporter`: packferry as a program of its own, to be carried along. */
  readonly importer?: CarriedImporter;
  readonly keepGoing: boolean;
  /** Blobs that are fetched at the same time. */
  readonly jobs: number;
  /** What the far side has: it is left out. */
  readonly bases?: readonly Base[];
  /** What may have blobs on this machine; asked before the source. */
  readonly lenders?: readonly BlobLender[];
  readonly now: Date;
  /** The number of the bundle in its stream. Default: the clock, in seconds. */
  readonly sequence?: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Writes a signed bundle of everything that was selected, or none when some image cannot be had. With `keepGoing` images
 * and blobs that cannot be had do not end the others: a rerun fetches only what is missing. It ends with `E_PARTIAL`.
 */
export async function exportBundle(options: ExportOptions): Promise<ExportReport> {
  const { dir, selection, resolved, lenders = [], bases = [], emit } = options;
  const reuse = new ReuseCount();
  throwForbidden(selection.findings);
  const missing = missingOf(resolved, options.keepGoing);
  if (resolved.images.length === 0) {
    throw new PackferryError('E_MANIFEST_INVALID', 'nothing to export: no image is named', {
      hint: 'The packs use no image. Name packs or images in the manifest.',
    });
  }
  const { importer } = options;
  const images = resolved.images.map(({ image }) => image);
  const content: BundleContent = {
    ...contentOf(selection, resolved.images, options.perImage, leaveOut(images, bases, emit)),
    ...(importer === undefined ? {} : { importer }),
  };
  await checkOutput(dir);
  const written = await withExportLock<FinishedBundle | WrittenBundle>(dir, options.owner, async () => {
    const finished = await readFinished(dir);
    // A bundle without the missing images is another one, also when it is there.
    if (finished !== undefined && missing.length === 0 && isSame(finished.document, content, options))
      return finished;
    const source = reuse.source(options.source);
    const counted = lenders.map((one) => reuse.lender(one));
    return writeBundle({ ...options, content, missing, source, lenders: counted });
  });
  if ('bytesFetched' in written) {
    const { bytesFetched } = written;
    return reportOf(options, written, { status: 'written', bytesFetched, bytesReused: reuse.bytes });
  }
  await checkPresent(options, written.document);
  return reportOf(options, written, { status: 'present', bytesFetched: 0, bytesReused: 0 });
}

/** The images to go on without, for the time being. Throws when there are some and this is not wanted, or not worth it. */
function missingOf(resolved: Resolved, keepGoing: boolean): readonly PackferryError[] {
  const isDisputed = (resolved.disputes?.size ?? 0) > 0;
  if (!keepGoing || isDisputed || resolved.images.length === 0) throwUnresolved(resolved);
  return resolved.errors;
}

/**
 * Throws when a bundle cannot be written to this folder: worth knowing before registries are asked. Makes nothing.
 * `E_OUTPUT_EXISTS` for a file and for a folder of somebody else, `E_OUTPUT_UNWRITABLE`.
 */
export async function checkOutput(dir: string): Promise<void> {
  await refuseFile(dir);
  await refuseUnfit(dir);
}

async function refuseFile(dir: string): Promise<void> {
  const hint = 'Give a folder that does not exist yet: nothing is overwritten.';
  try {
    if ((await stat(dir)).isDirectory()) return;
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return;
    const message = `${dir} cannot be looked at: ${messageOf(cause)}`;
    throw new PackferryError('E_OUTPUT_UNWRITABLE', message, { hint, cause });
  }
  throw new PackferryError('E_OUTPUT_EXISTS', `${dir} is a file; a bundle is a folder`, { hint });
}

/**
 * Does a finished bundle hold exactly this content? Who made it, and when, does not matter, nor does its number unless one
 * is asked for.
 */
function isSame(
  document: BundleDocument,
  content: BundleContent,
  { sequence = document.sequence }: ExportOptions,
): boolean {
  return document.sequence === sequence && documentIdentity(document) === contentIdentity(content);
}

function reportOf(
  { dir, signers }: ExportOptions,
  { document, sumsSha256 }: FinishedBundle,
  work: Pick<ExportReport, 'status' | 'bytesFetched' | 'bytesReused'>,
): ExportReport {
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, document),
    ...work,
    signers: signers.map(({ fingerprint, keyType }) => ({ fingerprint, keyType })),
    sumsSha256,
    images: document.images.map(({ reference, source }) => ({ reference, source })),
    archives: document.archives.map(({ file, size, sha256 }) => ({ file, bytes: size, sha256 })),
    packs: document.packs.map(({ id, version }) => ({ id, version })),
    importers: reportImporters(document),
    totals: totalsOf(document.images),
    ...reportLeftOut(document.requires),
  };
}
