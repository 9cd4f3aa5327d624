import type { Emit } from '../core/events.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageTarget } from '../core/ports.ts';
import { formatReference, parseReference } from '../core/reference.ts';
import type { LendingBundle } from '../bundle/lending-bundle.ts';
import type { VerifiedBundle } from '../bundle/open.ts';
import type { PassingBundle } from '../bundle/passing-bundle.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import { BundleSource, lockedImageOf } from '../bundle/source.ts';
import type { LentReport } from '../schema/lent.ts';
import { reportVersion, type ImportedImage, type ImportReport } from '../schema/reports.ts';
import {
  deliverToTargets,
  refuseConflicts,
  surveyTargets,
  warnOfLeftOut,
  type SurveyedTarget,
} from './delivery.ts';
import type { EarlySurvey } from './early-survey.ts';
import { checkBases } from './lent/base-check.ts';
import { LentLayers } from './lent/lent-layers.ts';
import type { OnExisting } from './on-existing.ts';
import type { Pace } from './pace.ts';
import { askForObjections } from './preflight.ts';
import { bundleHead, reportSigners, reportStanding } from './report.ts';
import { renameImages, type Renamed, type RetagRule } from './retag.ts';
import { tellOfBases } from './retagged-bases.ts';

/** What may be delivered: a bundle that was verified, or one that is verified before a target may keep anything of it. */
export type DeliverableBundle = VerifiedBundle | PassingBundle;

export interface ImportOptions extends Pace {
  /**
   * One that is verified while it is read is read once for all targets, which are brought images at the same time, and to its
   * end.
   */
  readonly bundle: DeliverableBundle;
  readonly targets: readonly ImageTarget[];
  /** What targets were asked before, about `imagesToBring`. */
  readonly early?: EarlySurvey;
  /** Bundles that may lend what this one leaves out. Default: none. */
  readonly with?: readonly LendingBundle[];
  /** Names of the images that are wanted; all when empty. */
  readonly only: readonly string[];
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** See `DeliveryOptions`. */
  readonly smoke?: boolean;
  /** Default: `error`. */
  readonly onExisting?: OnExisting;
  /** Other names for some images. */
  readonly retag?: readonly RetagRule[];
  /** Images that are sent to one target at the same time. */
  readonly jobs: number;
  /** Shown the plan before anything is sent; false ends the import. */
  readonly approve: (plan: ImportPlan) => Promise<boolean>;
  readonly emit: Emit;
  /** Told how each image fared at each target as soon as that is known, for evidence. */
  readonly onImage?: (target: string, image: ImportedImage) => void;
  readonly signal: AbortSignal;
}

/** What an import is about to do. */
export interface ImportPlan {
  readonly bundle: DeliverableBundle;
  /** Images that are not brought to a target, since it lacks what the bundle leaves out, have a `refusal` there. */
  readonly targets: readonly SurveyedTarget[];
  /** Bundles that were given to lend what it leaves out, and how much of them is needed. */
  readonly lent: readonly LentReport[];
}

export interface Imported {
  readonly report: ImportReport;
  /** Every failure, in the order of targets and images. */
  readonly errors: readonly PackferryError[];
  /** What turned out to be wrong with a bundle that was verified while it was read. */
  readonly damage?: PackferryError;
  /** False when the plan was not approved. */
  readonly approved: boolean;
}

/**
 * Brings the images of a verified bundle to targets: asks each what is there, sends what is missing, and believes
 * only the target's own answer to the question whether exactly this image is there now. Names that stand for other
 * images are known before anything is sent: without `keepGoing` all of them are thrown then, as `E_TAG_CONFLICT`. A dry
 * run tells them in its report. So are layers that the bundle leaves out and neither a target nor a lender has
 * (`E_BASE_MISSING`); see `checkBases`.
 */
export async function importBundle(options: ImportOptions): Promise<Imported> {
  const { bundle, signal } = options;
  const passing = 'finish' in bundle ? bundle : undefined;
  const { images, before, sourceOf } = imagesToBring(bundle, options);
  const delivery = {
    ...options,
    namesBefore: before,
    // Nobody may come when the bytes have passed.
    ...(passing === undefined
      ? {}
      : { jobs: 1, asGiven: true, targetsAtOnce: Math.max(1, options.targets.length) }),
  };
  for (const target of options.targets) tellOfBases(target, bundle, options);
  const surveyed = await surveyTargets(options.targets, images, signal, options.targetsAtOnce, options.early);
  warnOfLeftOut(surveyed, options.emit);
  refuseConflicts(surveyed, delivery);
  const lent = new LentLayers([bundle], { with: options.with ?? [], signal });
  const targets = await checkBases(surveyed, lent, options);
  await askForObjections(targets, options);
  const lenders = options.with ?? [];
  const plan: ImportPlan = { bundle, targets, lent: lenders.map(({ report }) => report) };
  const approved = options.dryRun || (await options.approve(plan));
  const errors: PackferryError[] = [];
  let reports: ImportReport['targets'] = [];
  let damage: PackferryError | undefined;
  if (approved) {
    const source = lent.over('finish' in bundle ? bundle.source : new BundleSource(bundle));
    reports = await deliverToTargets(targets, sourceOf(source), errors, delivery);
    damage = await passing?.finish().then(
      () => undefined,
      (fault: unknown) => {
        signal.throwIfAborted();
        return asPackferryError(fault);
      },
    );
  }
  const report = makeReport(options, reports);
  return { report, errors, approved, ...(damage === undefined ? {} : { damage }) };
}

/**
 * The images that are wanted of a bundle, under the names that targets get to hear. Throws as `chooseImages` and `renameImages`
 * do.
 */
export function imagesToBring(
  bundle: SignedBundle | PassingBundle,
  { only, retag = [] }: Pick<ImportOptions, 'only' | 'retag'>,
): Renamed {
  const passing = 'finish' in bundle ? bundle : undefined;
  return renameImages(inOrder(chooseImages(bundle, only), passing), retag);
}

/** A medium that is read once gives its images in the order in which they lie there. */
function inOrder(images: LockedImage[], passing: PassingBundle | undefined): LockedImage[] {
  if (passing === undefined) return images;
  const place = ({ reference }: LockedImage): number => passing.archiveOf(reference);
  return images.sort((a, b) => place(a) - place(b));
}

/**
 * The images of a bundle that have these names, all when no name is given. Throws `E_IMAGE_NOT_IN_BUNDLE` with every name
 * that the bundle does not know, or `E_REFERENCE_INVALID`.
 */
export function chooseImages(bundle: SignedBundle, only: readonly string[]): LockedImage[] {
  const all = bundle.document.images.map((image) => lockedImageOf(image, bundle.document.platform));
  if (only.length === 0) return all;
  const wanted = new Set(only.map((text) => formatReference(parseReference(text))));
  const missing = [...wanted].filter((name) => !all.some(({ reference }) => reference === name));
  if (missing.length > 0) {
    throw new PackferryError('E_IMAGE_NOT_IN_BUNDLE', `the bundle does not hold ${missing.join(', ')}`, {
      hint: `See what it holds: packferry inspect ${bundle.dir}`,
    });
  }
  return all.filter(({ reference }) => wanted.has(reference));
}

function makeReport(options: ImportOptions, targets: ImportReport['targets']): ImportReport {
  const { bundle } = options;
  return {
    schemaVersion: reportVersion,
    bundle: {
      ...bundleHead(bundle.dir, bundle.document),
      sumsSha256: bundle.sumsSha256,
      signers: reportSigners(bundle.signers),
      ...reportStanding(bundle.freshness),
    },
    dryRun: options.dryRun,
    targets,
    ...(options.with === undefined ? {} : { lent: options.with.map(({ report }) => report) }),
  };
}
