import pLimit from 'p-limit';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import { blobsOf, totalSize, type LockedImage } from '../core/image.ts';
import type { ImageTarget, Presence } from '../core/ports.ts';
import { formatReference, parseReference, tagNameOf } from '../core/reference.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import type { VerifiedBundle } from '../bundle/open.ts';
import { BundleSource, lockedImageOf } from '../bundle/source.ts';
import { reportVersion, type ImportedImage, type ImportReport } from '../schema/reports.ts';
import { bundleHead, reportError, reportSigners } from './report.ts';

export interface ImportOptions {
  readonly bundle: VerifiedBundle;
  readonly targets: readonly ImageTarget[];
  /** Names of the images that are wanted; all when empty. */
  readonly only: readonly string[];
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** Images that are sent to one target at the same time. */
  readonly jobs: number;
  /** Shown the plan before anything is sent; false ends the import. */
  readonly approve: (plan: ImportPlan) => Promise<boolean>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What an import is about to do. */
export interface ImportPlan {
  readonly bundle: VerifiedBundle;
  readonly targets: readonly { readonly target: ImageTarget; readonly images: readonly SurveyedImage[] }[];
}

export interface SurveyedImage {
  readonly image: LockedImage;
  readonly presence: Presence;
}

export interface Imported {
  readonly report: ImportReport;
  /** Every failure, in the order of targets and images. */
  readonly errors: readonly PackferryError[];
  /** False when the plan was not approved. */
  readonly approved: boolean;
}

/**
 * Brings the images of a verified bundle to targets: asks each what is there, sends what is missing, and believes
 * only the target's own answer to the question whether exactly this image is there now. Names that stand for other
 * images are known before anything is sent: without `keepGoing` all of them are thrown then, as `E_TAG_CONFLICT`. A dry
 * run tells them in its report.
 */
export async function importBundle(options: ImportOptions): Promise<Imported> {
  const images = chooseImages(options.bundle, options.only);
  const targets: { target: ImageTarget; images: SurveyedImage[] }[] = [];
  for (const target of options.targets) {
    const answers = await target.survey(images, options.signal);
    targets.push({
      target,
      images: images.map((image, index) => ({ image, presence: answers[index] ?? { state: 'absent' } })),
    });
  }
  if (!options.dryRun && !options.keepGoing) refuseConflicts(targets);
  const plan: ImportPlan = { bundle: options.bundle, targets };
  const approved = options.dryRun || (await options.approve(plan));
  const errors: PackferryError[] = [];
  const reports: ImportReport['targets'] = [];
  if (approved) {
    for (const { target, images: surveyed } of targets) {
      reports.push({ name: target.name, images: await deliverAll(target, surveyed, errors, options) });
    }
  }
  return { report: makeReport(options, reports), errors, approved };
}

/**
 * The images of a bundle that have these names, all when no name is given. Throws `E_IMAGE_NOT_IN_BUNDLE` with every name
 * that the bundle does not know, or `E_REFERENCE_INVALID`.
 */
export function chooseImages(bundle: VerifiedBundle, only: readonly string[]): LockedImage[] {
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

function refuseConflicts(targets: ImportPlan['targets']): void {
  const conflicts = targets.flatMap(({ target, images }) =>
    images.flatMap(({ image, presence }) =>
      presence.state === 'conflict' ? [tagConflict(target.name, image.reference, presence)] : [],
    ),
  );
  const [first] = conflicts;
  if (first === undefined) return;
  if (conflicts.length === 1) throw first;
  const message = `nothing was sent: ${conflicts.length} names stand for other images`;
  throw new PackferryError('E_TAG_CONFLICT', message, { errors: conflicts });
}

/** Brings the images to one target and adds what failed to `errors`. After a failure, of whatever target, no more starts; a dry run goes on. */
async function deliverAll(
  target: ImageTarget,
  surveyed: readonly SurveyedImage[],
  errors: PackferryError[],
  options: ImportOptions,
): Promise<ImportedImage[]> {
  const { signal } = options;
  const emit = options.dryRun ? silent : options.emit;
  const bytes = totalSize(surveyed.flatMap(({ image }) => blobsOf(image)));
  emit({ type: 'planned', task: 'deliver', items: surveyed.length, bytes });
  const limit = pLimit(options.jobs);
  const source = new BundleSource(options.bundle);
  const one = async ({ image, presence }: SurveyedImage): Promise<ImportedImage> => {
    signal.throwIfAborted();
    if (errors.length > 0 && !options.keepGoing && !options.dryRun) return pending(image);
    const done = await deliverOne(target, image, presence, source, { ...options, emit });
    if ('error' in done) errors.push(done.error);
    return done.image;
  };
  try {
    return await Promise.all(surveyed.map((image) => limit(one, image)));
  } finally {
    await source.close();
    emit({ type: 'finished', task: 'deliver' });
  }
}

type Outcome =
  { readonly image: ImportedImage } | { readonly image: ImportedImage; readonly error: PackferryError };

async function deliverOne(
  target: ImageTarget,
  image: LockedImage,
  presence: Presence,
  source: BundleSource,
  options: ImportOptions,
): Promise<Outcome> {
  const { emit, signal } = options;
  const item = image.reference;
  const base = pending(image);
  const size = totalSize(blobsOf(image));
  if (presence.state === 'present') {
    const { id = image.config.digest } = presence;
    emit({ type: 'skipped', task: 'deliver', item, reason: 'already present', bytes: size });
    noteNameless(target, image, id, emit);
    return { image: { ...base, status: 'present', id, bytesSkipped: size } };
  }
  if (options.dryRun && presence.state === 'absent') return { image: base };
  emit({ type: 'started', task: 'deliver', item, bytes: size });
  try {
    if (presence.state === 'conflict') throw tagConflict(target.name, item, presence);
    const onBytes = (bytes: number): void => emit({ type: 'progress', task: 'deliver', item, bytes });
    const delivery = await target.deliver(image, source, { signal, onBytes });
    const answer = await target.confirm(image, signal);
    if (!answer.confirmed) throw notConfirmed(target, image, answer.reason);
    emit({ type: 'done', task: 'deliver', item, bytes: size });
    noteNameless(target, image, answer.id, emit);
    return { image: { ...base, ...delivery, status: 'loaded', id: answer.id } };
  } catch (fault) {
    signal.throwIfAborted();
    const error = naming(item, asPackferryError(fault));
    emit({ type: 'failed', task: 'deliver', item, error });
    return { image: { ...base, status: 'failed', error: reportError(error) }, error };
  }
}

/** Content that asks for such an image by its name would not find it. */
function noteNameless(target: ImageTarget, { reference }: LockedImage, id: Digest, emit: Emit): void {
  if (target.tagsOnly !== true || tagNameOf(parseReference(reference)) !== undefined) return;
  const message = `${reference}: has no tag, hence no name on ${target.name}: it can only be run by its ID, ${id}`;
  emit({ type: 'note', level: 'warning', message });
}

/** A fault of the disk or of a stream knows nothing of images. */
function naming(reference: string, error: PackferryError): PackferryError {
  return error.message.includes(reference) ? error : error.with(`${reference}: ${error.message}`);
}

function pending({ reference }: LockedImage): ImportedImage {
  return { reference, status: 'pending', bytesSent: 0, bytesSkipped: 0 };
}

function notConfirmed(target: ImageTarget, image: LockedImage, reason: string): PackferryError {
  return new PackferryError('E_NOT_CONFIRMED', `${image.reference}: ${target.name} took it, but ${reason}`, {
    hint: 'Import again. If it stays like this, look into the log of the engine.',
  });
}

function makeReport(options: ImportOptions, targets: ImportReport['targets']): ImportReport {
  const { bundle } = options;
  return {
    schemaVersion: reportVersion,
    bundle: {
      ...bundleHead(bundle.dir, bundle.document),
      sumsSha256: bundle.sumsSha256,
      signers: reportSigners(bundle.signers),
    },
    dryRun: options.dryRun,
    targets,
  };
}
