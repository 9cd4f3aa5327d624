import pLimit from 'p-limit';
import type { PackferryError } from '../core/errors.ts';
import { asPackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import { blobsOf, totalSize, type LockedImage } from '../core/image.ts';
import type { ImageSource, ImageTarget, Presence } from '../core/ports.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import type { TargetReport } from '../schema/reports.ts';
import { BlobMeetings, isReadOnce } from './blob-meetings.ts';
import { blobsToSend, deliverImages, pending, type DeliveryOptions, type SurveyedImage } from './deliver.ts';
import type { EarlySurvey } from './early-survey.ts';
import { isSettled, isToBeSent } from './on-existing.ts';
import { limitedSources, usualTargetsAtOnce } from './pace.ts';
import { reportError } from './report.ts';
import { SaveMeetings, type Attendee } from './save-meetings.ts';
import { sharedSource } from './shared-reading.ts';
import { together } from './together.ts';

/** A target, and what it says of each image. */
export interface SurveyedTarget {
  readonly target: ImageTarget;
  readonly images: readonly SurveyedImage[];
  /** Why the target could not be asked: then nothing is sent there, and nothing is known of the images. */
  readonly error?: PackferryError;
}

/**
 * Asks every target what it has of these images, or of those that are meant for it, unless it was asked that `early`. Of several,
 * those that cannot be asked are left out of what follows, and carry the error; when none can be asked, it is thrown.
 */
export async function surveyTargets(
  targets: readonly ImageTarget[],
  wanted: readonly LockedImage[] | ((target: ImageTarget) => readonly LockedImage[]),
  signal: AbortSignal,
  atOnce = usualTargetsAtOnce,
  early?: EarlySurvey,
): Promise<readonly SurveyedTarget[]> {
  const limit = pLimit(atOnce);
  const survey = async (target: ImageTarget): Promise<SurveyedTarget> => {
    const images = typeof wanted === 'function' ? wanted(target) : wanted;
    try {
      signal.throwIfAborted();
      const ask = (): Promise<readonly Presence[]> => target.survey(images, signal);
      const answers =
        (await early?.answer(target, images)) ??
        (await ask().catch((fault: unknown) => {
          // A connection that broke is made anew by the next question.
          if (signal.aborted || target.wayBroke?.(asPackferryError(fault)) !== true) throw fault;
          return ask();
        }));
      const presence = (index: number): Presence => answers[index] ?? { state: 'absent' };
      return { target, images: images.map((image, index) => ({ image, presence: presence(index) })) };
    } catch (fault) {
      signal.throwIfAborted();
      const nothing = images.map((image) => ({ image, presence: { state: 'absent' as const } }));
      return { target, images: nothing, error: asPackferryError(fault) };
    }
  };
  const surveyed = await Promise.all(targets.map((target) => limit(survey, target)));
  const errors = surveyed.flatMap(({ error }) => error ?? []);
  if (errors.length > 0 && errors.length === surveyed.length)
    throw together(errors, `none of ${errors.length} targets can be used`);
  return surveyed;
}

/** Tells, before anything is sent, which targets get nothing. */
export function warnOfLeftOut(surveyed: readonly SurveyedTarget[], emit: Emit): void {
  for (const { target, error } of surveyed) {
    if (error === undefined) continue;
    const { message } = naming(target, error);
    emit({ type: 'note', level: 'warning', message: `${message}; nothing is sent there` });
  }
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
  if (conflicts.length > 0)
    throw together(conflicts, `nothing was sent: ${conflicts.length} names stand for other images`);
}

/**
 * Brings images to several targets at the same time, each at its own pace: what fails at one does not keep the others from
 * going on. All failures are added to `errors`, in the order of the targets; see `deliverImages`.
 */
export async function deliverToTargets(
  surveyed: readonly SurveyedTarget[],
  source: ImageSource,
  errors: PackferryError[],
  options: DeliveryOptions,
): Promise<TargetReport[]> {
  const { dryRun, signal, targetsAtOnce = usualTargetsAtOnce } = options;
  const emit = dryRun ? silent : options.emit;
  const isMany = surveyed.length > 1;
  const attend = isMany ? attendance(source, options) : undefined;
  const limitedSource = limitedSources(options);
  const limit = pLimit(targetsAtOnce);
  const deliver = async (one: SurveyedTarget): Promise<Delivered> => {
    const { target, images, error } = one;
    if (error !== undefined) return leftOut(one, error, options);
    signal.throwIfAborted();
    const failures: PackferryError[] = [];
    const attendee = attend?.(one);
    const from = limitedSource(attendee?.source ?? source);
    const telling = isMany ? { ...options, emit: emitFor(target, options.emit) } : options;
    const attempting = attendee?.attempt === undefined ? {} : { onAttempt: attendee.attempt };
    const delivered = await deliverImages(target, images, from, failures, {
      ...telling,
      ...attempting,
    }).finally(() => attendee?.leave?.());
    const named = isMany ? failures.map((failure) => naming(target, failure)) : failures;
    return { report: { name: target.name, images: delivered }, failures: named };
  };
  const reached = surveyed.filter(({ error }) => error === undefined).flatMap(({ images }) => images);
  const bytes = totalSize(reached.flatMap(({ image }) => blobsOf(image)));
  emit({ type: 'planned', task: 'deliver', items: reached.length, bytes });
  try {
    const delivered = await allEnded(surveyed.map((one) => limit(deliver, one)));
    errors.push(...delivered.flatMap(({ failures }) => failures));
    return delivered.map(({ report }) => report);
  } finally {
    emit({ type: 'finished', task: 'deliver' });
  }
}

/** How several targets take the same images from one source, each thing being read as seldom as can be. */
function attendance(
  source: ImageSource,
  { onExisting = 'error' }: Pick<DeliveryOptions, 'onExisting'>,
): (target: SurveyedTarget) => Partial<Attendee> & Pick<Attendee, 'source'> {
  if (isReadOnce(source)) {
    const meetings = new BlobMeetings(source);
    return ({ target, images }) =>
      meetings.attend(
        images.map((one) => {
          const isSent = one.refusal === undefined && isToBeSent(target, one, onExisting);
          return { image: one.image, lacking: isSent ? blobsToSend([one]) : [] };
        }),
      );
  }
  const shared = sharedSource(source);
  const { unpacked } = source;
  if (unpacked === undefined) return () => ({ source: shared });
  const meetings = new SaveMeetings(shared, unpacked);
  return ({ images }) => meetings.attend(images.map(({ image }) => image));
}

interface Delivered {
  readonly report: TargetReport;
  readonly failures: readonly PackferryError[];
}

/** Also after an interruption every target has put away what it was at before anything goes on. */
async function allEnded<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function leftOut(
  { target, images }: SurveyedTarget,
  error: PackferryError,
  options: DeliveryOptions,
): Delivered {
  const named = naming(target, error);
  const none = images.map(({ image, presence }) => pending(target, image, presence, options));
  for (const image of none) options.onImage?.(target.name, image);
  return { report: { name: target.name, images: none, error: reportError(named) }, failures: [named] };
}

function emitFor({ name }: ImageTarget, emit: Emit): Emit {
  return (event) => emit('item' in event ? { ...event, target: name } : event);
}

/** Where there are several targets, every failure says whose it is. */
function naming({ name }: ImageTarget, error: PackferryError): PackferryError {
  return error.message.includes(name) ? error : error.with(`${name}: ${error.message}`);
}
