import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource, ImageTarget } from '../core/ports.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import type { TargetReport } from '../schema/reports.ts';
import { deliverImages, type DeliveryOptions, type SurveyedImage } from './deliver.ts';
import { isSettled } from './on-existing.ts';

/** A target, and what it says of each image. */
export interface SurveyedTarget {
  readonly target: ImageTarget;
  readonly images: readonly SurveyedImage[];
}

/** Asks every target what it has of these images. */
export async function surveyTargets(
  targets: readonly ImageTarget[],
  images: readonly LockedImage[],
  signal: AbortSignal,
): Promise<readonly SurveyedTarget[]> {
  const surveyed: SurveyedTarget[] = [];
  for (const target of targets) {
    const answers = await target.survey(images, signal);
    surveyed.push({
      target,
      images: images.map((image, index) => ({ image, presence: answers[index] ?? { state: 'absent' } })),
    });
  }
  return surveyed;
}

/**
 * Throws `E_TAG_CONFLICT` with every name that stands for another image and is not to be moved. Not in dry runs, which
 * tell of them in their report, and not where the other images are to be brought all the same.
 */
export function refuseConflicts(
  surveyed: readonly SurveyedTarget[],
  { onExisting = 'error', dryRun, keepGoing }: Pick<DeliveryOptions, 'onExisting' | 'dryRun' | 'keepGoing'>,
): void {
  if (dryRun || keepGoing) return;
  const conflicts = surveyed.flatMap(({ target, images }) =>
    images.flatMap(({ image, presence }) =>
      presence.state === 'conflict' && !isSettled(target, image, onExisting)
        ? [tagConflict(target.name, image.reference, presence)]
        : [],
    ),
  );
  const [first] = conflicts;
  if (first === undefined) return;
  if (conflicts.length === 1) throw first;
  const message = `nothing was sent: ${conflicts.length} names stand for other images`;
  throw new PackferryError('E_TAG_CONFLICT', message, { errors: conflicts });
}

/** Brings images to one target after the other. What fails is added to `errors`; see `deliverImages`. */
export async function deliverToTargets(
  surveyed: readonly SurveyedTarget[],
  source: ImageSource,
  errors: PackferryError[],
  options: DeliveryOptions,
): Promise<TargetReport[]> {
  const reports: TargetReport[] = [];
  for (const { target, images } of surveyed) {
    const delivered = await deliverImages(target, images, source, errors, options);
    reports.push({ name: target.name, images: delivered });
  }
  return reports;
}
