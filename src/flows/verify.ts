import type { VerifiedBundle } from '../bundle/open.ts';
import { reportVersion, type VerifyReport } from '../schema/reports.ts';
import { bundleHead, reportImporters, reportSigners, reportStanding } from './report.ts';

/** What there is to say of a bundle that was verified. */
export function verifyReportOf({
  dir,
  document,
  signers,
  sumsSha256,
  freshness,
}: VerifiedBundle): VerifyReport {
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, document),
    signers: reportSigners(signers),
    sumsSha256,
    ...reportStanding(freshness),
    archives: document.archives.map(({ file, size }) => ({ file, bytes: size })),
    importers: reportImporters(document),
    images: document.images.length,
  };
}
