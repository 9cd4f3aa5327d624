import type { VerifiedBundle } from '../bundle/open.ts';
import { reportVersion, type VerifyReport } from '../schema/reports.ts';

/** What there is to say of a bundle that was verified. */
export function verifyReportOf(bundle: VerifiedBundle): VerifyReport {
  const { name, sequence, createdAt, archives, images } = bundle.document;
  return {
    schemaVersion: reportVersion,
    dir: bundle.dir,
    name,
    sequence,
    createdAt,
    signers: bundle.signers.map(({ principal, fingerprint, keyType }) => ({
      principal,
      fingerprint,
      keyType,
    })),
    sumsSha256: bundle.sumsSha256,
    archives: archives.map(({ file, size }) => ({ file, bytes: size })),
    images: images.length,
  };
}
