import type { BundleDamage } from '../core/damage.ts';
import type { PackferryError } from '../core/errors.ts';
import { blobsOf, totalSize, uniqueBlobs, type LockedImage } from '../core/image.ts';
import type { PlannedVolume } from '../bundle/document.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { DamageReport } from '../schema/damage.ts';
import type { ErrorReport, FailureReport, InspectReport, Totals, VerifyReport } from '../schema/reports.ts';
import type { PlanReport } from '../schema/reports-plan.ts';
import type { FreshnessVerdict } from '../trust/freshness.ts';
import type { VerifiedSigner } from '../trust/verify.ts';

/** Counts and sizes of a set of images. */
export function totalsOf(images: readonly Pick<LockedImage, 'manifest' | 'config' | 'layers'>[]): Totals {
  const blobs = uniqueBlobs(images);
  const bytes = totalSize(blobs);
  return {
    images: images.length,
    blobs: blobs.length,
    bytes,
    bytesShared: totalSize(images.flatMap(blobsOf)) - bytes,
  };
}

/** Archives with what is in them. */
export function reportArchives(
  volumes: readonly Pick<PlannedVolume, 'file' | 'plan' | 'images'>[],
): PlanReport['archives'] {
  return volumes.map(({ file, plan, images }) => {
    return { file, bytes: plan.size, images: images.map(({ image }) => image.reference) };
  });
}

/** An error as `--json` prints it. */
export function reportError(error: PackferryError): ErrorReport {
  const { code, message, hint } = error;
  return hint === undefined ? { code, message } : { code, message, hint };
}

/** An error with everything that it sums up, each part before its own parts. */
export function reportFailure(error: PackferryError): FailureReport['error'] {
  const errors = partsOf(error).map(reportError);
  return { ...reportError(error), ...(errors.length === 0 ? {} : { errors }) };
}

function partsOf({ errors }: PackferryError): PackferryError[] {
  return errors.flatMap((part) => [part, ...partsOf(part)]);
}

/** Which bundle a report is about. */
export function bundleHead(
  dir: string,
  { name, sequence, createdAt, audience, expiresAt, onExisting }: BundleDocument,
): Pick<InspectReport, 'dir' | 'name' | 'sequence' | 'createdAt' | 'audience' | 'expiresAt' | 'onExisting'> {
  return {
    ...{ dir, name, sequence, createdAt },
    ...(audience === undefined ? {} : { audience }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(onExisting === undefined ? {} : { onExisting }),
  };
}

/** How a bundle stands to what was accepted before; nothing where nothing is remembered. */
export function reportStanding({
  standing,
  highest,
  rollback,
}: FreshnessVerdict): Pick<VerifyReport, 'standing'> {
  if (standing === undefined) return {};
  return {
    standing: {
      is: standing,
      ...(highest === undefined ? {} : { highest }),
      ...(rollback === undefined ? {} : { rollback }),
    },
  };
}

/** The self-contained importer of a bundle as reports show it; one at most. */
export function reportImporters({ importers = [] }: BundleDocument): VerifyReport['importers'] {
  return importers.map(({ file, platform, version, size, sha256 }) => {
    return { file, platform, version, bytes: size, sha256 };
  });
}

/** A signer as reports show it. */
export function reportSigner({
  principal,
  fingerprint,
  keyType,
}: VerifiedSigner): VerifyReport['signers'][number] {
  return { principal, fingerprint, keyType };
}

/** Signers as reports show them. */
export function reportSigners(signers: readonly VerifiedSigner[]): VerifyReport['signers'] {
  return signers.map(reportSigner);
}

/** What is lost of a bundle, as reports and damage files have it. */
export function damageReport(damage: BundleDamage): DamageReport {
  return structuredClone(damage as DamageReport);
}
