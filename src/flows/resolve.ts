import pLimit from 'p-limit';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatReference, lockedNameOf, type ImageReference } from '../core/reference.ts';
import type { BundledImage } from '../bundle/document.ts';
import type { ImageUse } from '../schema/parts.ts';

/** An image that is wanted, and by whom. */
export interface WantedImage {
  readonly reference: ImageReference;
  readonly usedBy: readonly ImageUse[];
}

export interface ResolveOptions {
  readonly source: ImageSource;
  readonly platform: Platform;
  /** Images that are asked for at the same time. */
  readonly jobs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Resolved {
  /** What was found, in the order of the names. */
  readonly images: readonly BundledImage[];
  /** One per image that was not. */
  readonly errors: readonly PackferryError[];
  /** By name, the images of which a witness knows other digests; absent when none was asked. */
  readonly disputes?: ReadonlyMap<string, PackferryError>;
}

/** Asks a source for every image. One failure does not end the others: the reader gets to know all at once. */
export async function resolveAll(wanted: readonly WantedImage[], options: ResolveOptions): Promise<Resolved> {
  const { source, platform, emit, signal } = options;
  emit({ type: 'planned', task: 'resolve', items: wanted.length, bytes: 0 });
  const limit = pLimit(options.jobs);
  const errors: PackferryError[] = [];
  const resolveOne = async ({ reference, usedBy }: WantedImage): Promise<BundledImage | undefined> => {
    const item = formatReference(reference);
    signal.throwIfAborted();
    emit({ type: 'started', task: 'resolve', item });
    try {
      const image = await source.resolve(reference, platform, signal);
      emit({ type: 'done', task: 'resolve', item });
      return { image, usedBy };
    } catch (fault) {
      signal.throwIfAborted();
      const error = withUse(withName(asPackferryError(fault), reference), usedBy);
      errors.push(error);
      emit({ type: 'failed', task: 'resolve', item, error });
      return undefined;
    }
  };
  const found = await Promise.all(wanted.map((image) => limit(resolveOne, image)));
  emit({ type: 'finished', task: 'resolve' });
  return { images: joinByName(found.filter((image) => image !== undefined)), errors: errors.sort(byMessage) };
}

/** What stands against going on with these images: disputes first, then images that cannot be had; each as one error. */
export function unresolved(resolved: Resolved): PackferryError[] {
  const { images, errors, disputes } = resolved;
  const missing = `${errors.length} of ${images.length + errors.length} images cannot be had`;
  const disputed = [...(disputes?.values() ?? [])];
  return [
    ...asOne(disputed, `the witness knows other digests for ${disputed.length} images`),
    ...asOne(errors, missing),
  ];
}

function asOne(errors: readonly PackferryError[], header: string): PackferryError[] {
  const [first] = errors;
  if (first === undefined || errors.length === 1) return [...errors];
  return [new PackferryError(first.code, header, { errors })];
}

/** Throws what stands against going on; a dispute before all else. */
export function throwUnresolved(resolved: Resolved): void {
  const [error] = unresolved(resolved);
  if (error !== undefined) throw error;
}

/** The same fault, with the image: what is wrong with a source as such names none. */
function withName(error: PackferryError, reference: ImageReference): PackferryError {
  const names = [lockedNameOf(reference), reference.written];
  if (names.some((name) => error.message.includes(name))) return error;
  return error.with(`${formatReference(reference)}: ${error.message}`);
}

/** The same fault, with the place that asked for the image. */
function withUse(error: PackferryError, usedBy: readonly ImageUse[]): PackferryError {
  const [use] = usedBy;
  if (use === undefined) return error;
  const others = usedBy.length > 1 ? ` and ${usedBy.length - 1} more` : '';
  return error.with(`${error.message} (used by ${use.file}:${use.line}${others})`);
}

/** Two ways to write one name (with and without a digest) are one image of the bundle. */
function joinByName(images: readonly BundledImage[]): BundledImage[] {
  const byName = new Map<string, { image: LockedImage; usedBy: ImageUse[] }>();
  for (const { image, usedBy } of images) {
    const known = byName.get(image.reference);
    if (known === undefined) byName.set(image.reference, { image, usedBy: [...usedBy] });
    else if (known.image.manifest.digest === image.manifest.digest) known.usedBy.push(...usedBy);
    else throw twoImages(known.image, image);
  }
  return [...byName.values()].sort((a, b) => (a.image.reference < b.image.reference ? -1 : 1));
}

function twoImages(one: LockedImage, other: LockedImage): PackferryError {
  const message = `${one.reference} is wanted twice with different digests: ${one.manifest.digest} and ${other.manifest.digest}`;
  return new PackferryError('E_REFERENCE_INVALID', message, {
    hint: 'An engine gives a name to one image only. Remove one of the two, or its digest.',
  });
}

function byMessage(a: PackferryError, b: PackferryError): number {
  return a.message < b.message ? -1 : 1;
}
