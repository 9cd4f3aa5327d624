import { stat } from 'node:fs/promises';
import { PackferryError } from '../core/errors.ts';
import { blobsOf, totalSize } from '../core/image.ts';
import { readFinished } from '../bundle/finished.ts';
import { checkSignature } from '../bundle/open.ts';
import { reportVersion, type InspectReport } from '../schema/reports.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { bundleHead, reportSigners, totalsOf } from './report.ts';

export interface InspectOptions {
  /** The trusted keys, when the signature is to be checked too. */
  readonly allowed?: AllowedSigners;
  readonly now: Date;
}

/**
 * Shows what a bundle says it holds. With trusted keys, the signature and bundle.json are checked; the archives are
 * never read, so this does not stand for `verify`.
 */
export async function inspectBundle(dir: string, options: InspectOptions): Promise<InspectReport> {
  const signers =
    options.allowed === undefined
      ? []
      : await checkSignature(dir, { allowed: options.allowed, now: options.now });
  const finished = await readFinished(dir);
  if (finished === undefined) {
    const isThere = await stat(dir).then(
      () => true,
      () => false,
    );
    const why = isThere ? 'there is no finished bundle in this folder' : 'no such folder';
    throw new PackferryError('E_BUNDLE_NOT_FOUND', `${dir}: ${why}`, {
      hint: 'Give the folder of the bundle, the one with SHA256SUMS.sig in it.',
    });
  }
  const { platform, images, archives, packs, findings } = finished.document;
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, finished.document),
    signature: options.allowed === undefined ? 'not checked' : 'good',
    signers: reportSigners(signers),
    platform,
    images: images.map((image) => ({
      reference: image.reference,
      manifest: image.manifest,
      config: image.config,
      bytes: totalSize(blobsOf(image)),
      usedBy: image.usedBy,
      findings: findings.filter(({ reference }) => reference === image.reference),
    })),
    archives: archives.map(({ file, size }) => ({
      file,
      bytes: size,
      images: images.filter(({ archive }) => archive === file).map(({ reference }) => reference),
    })),
    packs: packs.map(({ id, version }) => ({ id, version })),
    totals: totalsOf(images),
  };
}
