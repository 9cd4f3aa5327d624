import type { VerifiedBundle } from '../bundle/open.ts';
import { reportVersion, type VerifyReport } from '../schema/reports.ts';
import { bundleHead, reportImporters, reportSigners, reportStanding } from './report.ts';

/** What there is to say of a bundle that was verified. */
export function verifyReportOf(bundle: VerifiedBundle): VerifyReport {
  const { dir, document, signers, sumsSha256, freshness, files, layersChecked } = bundle;
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
    ...(layersChecked === undefined
      ? {}
      : { layers: { checked: layersChecked.layers, notChecked: [...layersChecked.notChecked] } }),
  };
}
