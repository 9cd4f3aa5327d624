import pLimit from 'p-limit';
import { PackferryError } from '../core/errors.ts';
import type { LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageSource, ImageTarget } from '../core/ports.ts';
import type { ImageReference } from '../core/reference.ts';
import { surveyTargets } from './delivery.ts';
import { renameImages, type RetagRule } from './retag.ts';

export interface AlreadyThereOptions {
  /** Resolves without having anything saved, see `withoutSaving`. */
  readonly source: ImageSource;
  readonly targets: readonly ImageTarget[];
  readonly platform: Platform;
  readonly retag: readonly RetagRule[];
  readonly jobs: number;
  readonly targetsAtOnce?: number;
  readonly signal: AbortSignal;
}

/**
 * Images of engines that every one of several engines has, by their own names: nobody needs to have them saved. What
 * cannot be told is not among them; it is asked for again, and told then.
 */
export async function alreadyThere(
  references: readonly ImageReference[],
  { source, targets, platform, retag, jobs, targetsAtOnce, signal }: AlreadyThereOptions,
): Promise<ReadonlyMap<string, LockedImage>> {
  const limit = pLimit(jobs);
  const resolve = async (reference: ImageReference): Promise<readonly LockedImage[]> => {
    const image = await orNothing(source.resolve(reference, platform, signal), signal);
    return image?.isUnpacked === true ? [image] : [];
  };
  const resolved = await Promise.all(references.map((reference) => limit(resolve, reference)));
  const found = resolved.flat();
  const survey = async (): Promise<readonly LockedImage[]> => {
    const { images } = renameImages(found, retag);
    const surveyed = await surveyTargets(targets, images, signal, targetsAtOnce);
    return found.filter((_, at) =>
      surveyed.every((target) => target.images[at]?.presence.state === 'present'),
    );
  };
  const there = found.length === 0 ? [] : ((await orNothing(survey(), signal)) ?? []);
  return new Map(there.map((image) => [image.reference, image]));
}

async function orNothing<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work;
  } catch (fault) {
    signal.throwIfAborted();
    if (fault instanceof PackferryError) return undefined;
    throw fault;
  }
}
