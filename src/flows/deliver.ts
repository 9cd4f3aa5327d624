import { setTimeout as delay } from 'node:timers/promises';
import { BaseMissing } from '../core/base-missing.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import type { Digest } from '../core/digest.ts';
import { blobsOf, totalSize, type Descriptor, type LockedImage } from '../core/image.ts';
import type { ImageSource, ImageTarget, OnTheWay, Presence } from '../core/ports.ts';
import { parseReference, tagNameOf } from '../core/reference.ts';
import type { ImportedImage } from '../schema/reports.ts';
import { deliverInOrder, type Bases } from './delivery-order.ts';
import { freeName, isSettled, isToBeSent, withdraw, type OnExisting } from './on-existing.ts';
import type { Pace } from './pace.ts';
import { deliverPersistently } from './redelivery.ts';
import { reportError } from './report.ts';
import { smoke } from './smoke.ts';

export interface DeliveryOptions extends Pace {
  /** Nothing is sent; images that are absent stay pending. */
  readonly dryRun: boolean;
  /** Goes on after a failure. */
  readonly keepGoing: boolean;
  /** Images that are sent to one target at the same time. */
  readonly jobs: number;
  /** Images begin in the order given, in which their source can be read best; else bases go first. */
  readonly asGiven?: boolean;
  /** Has every image that is there run once. */
  readonly smoke?: boolean;
  /** Default: `error`. */
  readonly onExisting?: OnExisting;
  /** What images were called before they got the names that they have here: reports name them so. */
  readonly namesBefore?: ReadonlyMap<string, string>;
  readonly emit: Emit;
  /** Told how each image fared at each target as soon as that is known, for evidence. */
  readonly onImage?: (target: string, image: ImportedImage) => void;
  /** Told that an image begins to be brought; what it returns is called when that has ended. */
  readonly onAttempt?: (image: LockedImage) => () => void;
  readonly signal: AbortSignal;
}

export interface SurveyedImage {
  readonly image: LockedImage;
  readonly presence: Presence;
  /** Why it is not brought to this target, although others are. */
  readonly refusal?: PackferryError;
}

/** Blobs that a target lacks of these images, each once. */
export function blobsToSend(surveyed: readonly SurveyedImage[]): Descriptor[] {
  const lacking = surveyed.flatMap(({ image, presence }) => {
    if (presence.state === 'present') return [];
    return blobsOf(image).filter(({ digest }) => presence.held?.has(digest) !== true);
  });
  return [...new Map(lacking.map((blob) => [blob.digest, blob])).values()];
}

/**
 * Brings images to one target, each missing layer once, and adds what failed there to `errors`. After a failure no more
 * starts unless `keepGoing`; a dry run goes on. Throws the reason of the signal only.
 */
export async function deliverImages(
  target: ImageTarget,
  surveyed: readonly SurveyedImage[],
  source: ImageSource,
  errors: PackferryError[],
  options: DeliveryOptions,
): Promise<ImportedImage[]> {
  const { signal, dryRun, keepGoing, onExisting = 'error' } = options;
  const emit = dryRun ? silent : options.emit;
  const attempt = async (one: SurveyedImage, onto?: OnTheWay): Promise<Outcome> => {
    const ended = options.onAttempt?.(one.image);
    try {
      const delivered = await deliverOne(target, one, source, { ...options, emit, onto });
      const isTried = options.smoke === true && !dryRun && !('error' in delivered);
      return isTried ? await smoke(target, one.image, delivered.image, { emit, signal }) : delivered;
    } finally {
      ended?.();
    }
  };
  const close = (outcome: Outcome): ImportedImage => {
    const { image } = outcome;
    if ('error' in outcome) {
      errors.push(outcome.error);
      emit({ type: 'failed', task: 'deliver', item: image.reference, error: outcome.error });
    }
    options.onImage?.(target.name, image);
    return image;
  };
  const postponed = new Map<SurveyedImage, Outcome>();
  const full: SurveyedImage[] = [];
  const one = async (next: SurveyedImage, bases?: Bases<SurveyedImage>): Promise<ImportedImage> => {
    signal.throwIfAborted();
    if (errors.length > 0 && !keepGoing && !dryRun)
      return pending(target, next.image, next.presence, options);
    const onto = bases && { images: bases.values.map(({ image }) => image), wait: bases.wait };
    const outcome = await attempt(next, onto);
    const hadCompany = (options.jobs > 1 && surveyed.length > 1) || full.length > 0;
    if (isFull(outcome)) full.push(next);
    if (!mayLackRoom(outcome) || !keepGoing || !hadCompany) return close(outcome);
    postponed.set(next, outcome);
    return outcome.image;
  };
  const waiting = surveyed.map((value) => {
    const { image, presence, refusal } = value;
    const isSent = refusal === undefined && isToBeSent(target, value, onExisting);
    const brings = isSent ? layersToBring(value) : [];
    const missing = new Map(brings.map(({ digest, size }) => [digest, size]));
    // A name is moved once only; and a save tells no layers before it is there.
    return { value, missing, mayGoAhead: presence.state === 'absent' && image.isUnpacked !== true };
  });
  const images = await deliverInOrder(waiting, one, {
    jobs: options.jobs,
    arrived: ({ status }) => status === 'loaded',
    asGiven: options.asGiven ?? false,
    ahead: target.sendsAhead === true && !dryRun,
  });
  const later = full.length > 0 ? await deliverAlone(postponed, attempt, signal) : postponed;
  return images.map((image, at) => {
    const value = surveyed[at];
    const outcome = value === undefined ? undefined : later.get(value);
    return outcome === undefined ? image : close(outcome);
  });
}

/**
 * An image may only have failed because of the room that another one took while both were loaded, and gave back when it
 * failed. So all that met a full disk, or were refused beside one that did, are tried once more, one by one, the smallest
 * first, up to the first that meets it again. The first has more tries, with pauses in between (milliseconds): Docker's
 * containerd store gives the room back a moment after it has told of the failure.
 */
async function deliverAlone(
  postponed: ReadonlyMap<SurveyedImage, Outcome>,
  attempt: (one: SurveyedImage) => Promise<Outcome>,
  signal: AbortSignal,
): Promise<ReadonlyMap<SurveyedImage, Outcome>> {
  const outcomes = new Map(postponed);
  const size = ({ image }: SurveyedImage): number => totalSize(blobsOf(image));
  const pauses = [500, 1000, 2000];
  for (const one of [...postponed.keys()].sort((a, b) => size(a) - size(b))) {
    const again = pauses.splice(0);
    let outcome = await attempt(one);
    while (isFull(outcome) && again.length > 0) {
      await delay(again.shift(), undefined, { signal }).catch(() => signal.throwIfAborted());
      outcome = await attempt(one);
    }
    outcomes.set(one, outcome);
    if (isFull(outcome)) break;
  }
  return outcomes;
}

/** Engines do not always say that it was the room: what Docker has written by half may look malformed to it. */
function mayLackRoom(outcome: Outcome): boolean {
  return isFull(outcome) || ('error' in outcome && outcome.error.code === 'E_LOAD_FAILED');
}

function isFull(outcome: Outcome): boolean {
  return 'error' in outcome && outcome.error.code === 'E_TARGET_FULL';
}

/** Layers that the image brings and that others can stand on, where the target knows layers. */
function layersToBring(surveyed: SurveyedImage): readonly Descriptor[] {
  const { image, presence } = surveyed;
  if (presence.state === 'present' || presence.held === undefined) return [];
  const layers = new Set(image.layers.map(({ digest }) => digest));
  return blobsToSend([surveyed]).filter(({ digest }) => layers.has(digest));
}

type Outcome =
  { readonly image: ImportedImage } | { readonly image: ImportedImage; readonly error: PackferryError };

async function deliverOne(
  target: ImageTarget,
  surveyed: SurveyedImage,
  source: ImageSource,
  options: DeliveryOptions & { readonly onto: OnTheWay | undefined },
): Promise<Outcome> {
  const { emit, signal, dryRun, onExisting = 'error', retries, retryDelay, onto } = options;
  const { image, presence, refusal } = surveyed;
  const item = image.reference;
  const base = pending(target, image, presence, options);
  const size = totalSize(blobsOf(image));
  if (presence.state === 'present') {
    const { id = image.config.digest } = presence;
    emit({ type: 'skipped', task: 'deliver', item, reason: 'already present', bytes: size });
    noteNameless(target, image, id, emit);
    return { image: { ...base, status: 'present', id, bytesSkipped: size } };
  }
  if (presence.state === 'conflict' && onExisting === 'keep') {
    const message = `${item}: on ${target.name} this name stands for another image, ${presence.holder}, which is kept`;
    emit({ type: 'skipped', task: 'deliver', item, reason: 'the name is kept', bytes: size });
    emit({ type: 'note', level: 'warning', message });
    return { image: { ...base, status: 'kept', bytesSkipped: size } };
  }
  if (refusal !== undefined)
    return { image: { ...base, status: 'failed', error: reportError(refusal) }, error: refusal };
  if (dryRun && (presence.state === 'absent' || isSettled(target, image, onExisting))) {
    const bytesMissing = totalSize(blobsToSend([surveyed]));
    return { image: { ...base, bytesMissing, bytesSkipped: size - bytesMissing } };
  }
  const start = (): void => emit({ type: 'started', task: 'deliver', item, bytes: size });
  start();
  try {
    const replaced =
      presence.state === 'conflict'
        ? await freeName(target, image, presence, { onExisting, emit, signal })
        : undefined;
    const onBytes = (bytes: number): void => emit({ type: 'progress', task: 'deliver', item, bytes });
    const replaces = replaced === undefined ? {} : { replaces: replaced.id };
    const { delivery, answer } = await deliverPersistently(target, image, source, {
      ...{ signal, emit, onBytes, onAgain: start, onto, ...replaces },
      ...(retries === undefined ? {} : { retries }),
      ...(retryDelay === undefined ? {} : { retryDelay }),
    });
    const { sentInFull, sentPacked, ...sent } = delivery;
    if (sentInFull !== undefined)
      emit({ type: 'note', level: 'info', message: resent(target, image, sentInFull) });
    if (sentPacked !== undefined)
      emit({
        type: 'note',
        level: 'info',
        message: `${item}: sent a second time, with layers as they are: ${sentPacked}`,
      });
    if (!answer.confirmed) {
      await withdraw(target, image, replaced?.id, emit);
      throw notConfirmed(target, image, answer.reason);
    }
    emit({ type: 'done', task: 'deliver', item, bytes: size });
    noteNameless(target, image, answer.id, emit);
    const done = { ...base, ...sent, status: 'loaded' as const, id: answer.id };
    return { image: replaced === undefined ? done : { ...done, replaced } };
  } catch (fault) {
    signal.throwIfAborted();
    if (fault instanceof BaseMissing) throw fault;
    const error = naming(item, asPackferryError(fault));
    return { image: { ...base, status: 'failed', error: reportError(error) }, error };
  }
}

function resent(target: ImageTarget, { reference }: LockedImage, why: string): string {
  return `${reference}: sent in full, since ${target.name} could not use the layers that it has: ${why}`;
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

/** An image that nothing has happened to. */
export function pending(
  target: ImageTarget,
  image: LockedImage,
  presence: Presence,
  { namesBefore }: Pick<DeliveryOptions, 'namesBefore'>,
): ImportedImage {
  const before = heldBefore(image, presence);
  const reference = namesBefore?.get(image.reference) ?? image.reference;
  const deliveredAs = target.nameOf?.(image) ?? image.reference;
  return {
    reference,
    ...(deliveredAs === reference ? {} : { deliveredAs }),
    status: 'pending',
    ...(before === undefined ? {} : { before }),
    bytesSent: 0,
    bytesSkipped: 0,
  };
}

/** What the name stood for before. */
function heldBefore({ config }: LockedImage, presence: Presence): string | undefined {
  switch (presence.state) {
    case 'present':
      return presence.id ?? config.digest;
    case 'conflict':
      return presence.holder;
    case 'absent':
      return undefined;
  }
}

function notConfirmed(target: ImageTarget, image: LockedImage, reason: string): PackferryError {
  return new PackferryError('E_NOT_CONFIRMED', `${image.reference}: ${target.name} took it, but ${reason}`, {
    hint: 'Run the same command again. If it stays like this, look into the log of the engine or registry.',
  });
}
