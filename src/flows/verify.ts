import type { LayersChecked } from '../bundle/check-layers.ts';
import type { Witnessed } from '../bundle/check-witness.ts';
import type { VerifiedBundle } from '../bundle/open.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { reportVersion, type VerifyReport } from '../schema/reports.ts';
import { reportLeftOut } from './base/report.ts';
import { bundleHead, reportImporters, reportSigners, reportStanding } from './report.ts';

/** What there is to say of a bundle that was verified. */
export function verifyReportOf(bundle: VerifiedBundle): VerifyReport {
  const { dir, document, signers, sumsSha256, freshness, files, layersChecked, witnessed } = bundle;
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, document),
    signers: reportSigners(signers),
    sumsSha256,
    files: files.map(({ file, bytes = 0, sha256 = '' }) => ({ file, bytes, sha256, result: 'good' })),
    ...reportStanding(freshness),
    archives: document.archives.map(({ file, size }) => ({ file, bytes: size })),
    importers: reportImporters(document),
    images: document.images.length,
    ...reportLeftOut(document.requires),
    ...(layersChecked === undefined ? {} : { layers: reportLayers(layersChecked, document) }),
    ...(witnessed === undefined ? {} : { witness: reportWitness(witnessed) }),
  };
}

function reportLayers(
  { layers, notChecked }: LayersChecked,
  { requires }: BundleDocument,
): NonNullable<VerifyReport['layers']> {
  const leftOut = requires.length === 0 ? {} : { leftOut: requires.length };
  return { checked: layers, notChecked: [...notChecked], ...leftOut };
}

function reportWitness(witnessed: Witnessed): NonNullable<VerifyReport['witness']> {
  const absent = [...witnessed].flatMap(([reference, said]) => (said === 'absent' ? [reference] : []));
  return { agrees: witnessed.size - absent.length, absent };
}
