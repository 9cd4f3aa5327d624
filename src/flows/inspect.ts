import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { blobsOf, totalSize } from '../core/image.ts';
import { checkSizes, readFinished } from '../bundle/finished.ts';
import { listFolder } from '../bundle/folder.ts';
import { bundleFiles } from '../bundle/names.ts';
import { checkSignature, type SignedDocument } from '../bundle/open.ts';
import type { SignatureOptions } from '../bundle/signed-list.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { reportVersion, type InspectReport } from '../schema/reports.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { reportImageLeftOut, reportLeftOut } from './base/report.ts';
import { bundleHead, reportImporters, reportSigners, totalsOf } from './report.ts';

export interface InspectOptions {
  /** The trusted keys, when the signature is to be checked too. */
  readonly allowed?: AllowedSigners;
  readonly now: Date;
  /** Told of signatures that are good and not by a trusted key. */
  readonly emit: Emit;
}

/**
 * Shows what a bundle says it holds. With trusted keys, the signature and bundle.json are checked; the archives are
 * never read, so this does not stand for `verify`.
 */
export async function inspectBundle(dir: string, options: InspectOptions): Promise<InspectReport> {
  const { allowed } = options;
  const { document, signers } = await readShown(dir, options);
  const { platform, images, archives, packs, findings, requires } = document;
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, document),
    signature: allowed === undefined ? 'not checked' : 'good',
    signers: reportSigners(signers),
    platform,
    images: images.map((image) => ({
      reference: image.reference,
      manifest: image.manifest,
      config: image.config,
      source: image.source,
      bytes: totalSize(blobsOf(image)),
      ...reportImageLeftOut(image, requires),
      usedBy: image.usedBy,
      findings: findings.filter(({ reference }) => reference === image.reference),
    })),
    archives: archives.map(({ file, size }) => ({
      file,
      bytes: size,
      images: images.filter(({ archive }) => archive === file).map(({ reference }) => reference),
    })),
    packs: packs.map(({ id, version }) => ({ id, version })),
    importers: reportImporters(document),
    totals: totalsOf(images),
    ...reportLeftOut(requires),
  };
}

/** What a bundle says it holds; only where keys are given has anybody signed it. */
export async function readShown(
  dir: string,
  { allowed, now, emit }: InspectOptions,
): Promise<Pick<SignedDocument, 'document' | 'signers'>> {
  return allowed === undefined
    ? { document: await readUnverified(dir), signers: [] }
    : readSigned(dir, { allowed, now, emit });
}

/** What was checked is what is shown: bundle.json is not read again. */
async function readSigned(dir: string, options: SignatureOptions): Promise<SignedDocument> {
  const signed = await checkSignature(dir, options);
  await checkSizes(dir, signed.document);
  return signed;
}

async function readUnverified(dir: string): Promise<BundleDocument> {
  const finished = await readFinished(dir).catch((fault: unknown) => {
    const { code, message, hint } = asPackferryError(fault);
    if (hint !== undefined) throw fault;
    throw new PackferryError(code, `${dir}: ${message}`, { hint: damagedHint, cause: fault });
  });
  if (finished !== undefined) return finished.document;
  // Says what the folder is instead, in the words of every other command.
  await listFolder(dir);
  throw new PackferryError('E_BUNDLE_INCOMPLETE', `${dir}: ${bundleFiles.signature} is missing`, {
    hint: damagedHint,
  });
}

const damagedHint = 'The bundle is damaged. Copy it again from where it was made.';
