import type { ImageTarget } from '../../src/core/ports.ts';
import type { CuttingProxy } from './cutting-proxy.ts';

/** A target behind a line that is cut again and again. */
export interface CutTarget {
  readonly target: ImageTarget;
  readonly cuts: () => number;
  /** The names of images that were brought although the target had confirmed them. */
  readonly sentTwice: readonly string[];
}

/**
 * Cuts the line to a target so many times, each time `bytes` after another image has begun, and after at least one more was
 * confirmed than at the last cut. With images that are larger than `bytes` and brought two at a time, at most two are
 * confirmed from one cut to the next: twice as many images as cuts are enough.
 */
export function cutBetween(
  target: ImageTarget,
  proxy: CuttingProxy,
  times: number,
  bytes: number,
): CutTarget {
  const begun = new Set<string>();
  const confirmed = new Set<string>();
  const sentTwice: string[] = [];
  let cuts = 0;
  let isArmed = false;
  let confirmedAtCut = -1;
  const arm = (): void => {
    if (isArmed || cuts === times || confirmed.size <= confirmedAtCut) return;
    isArmed = true;
    proxy.after(proxy.sent() + bytes, () => {
      isArmed = false;
      cuts += 1;
      confirmedAtCut = confirmed.size;
      proxy.cut();
    });
  };
  const watched: ImageTarget = {
    name: target.name,
    survey: (...asked) => target.survey(...asked),
    wayBroke: (error) => target.wayBroke?.(error) ?? false,
    close: () => target.close(),
    deliver: (image, ...rest) => {
      const { reference } = image;
      if (confirmed.has(reference)) sentTwice.push(reference);
      if (!begun.has(reference)) arm();
      begun.add(reference);
      return target.deliver(image, ...rest);
    },
    confirm: async (image, stop) => {
      const answer = await target.confirm(image, stop);
      if (answer.confirmed) confirmed.add(image.reference);
      return answer;
    },
  };
  return { target: watched, cuts: () => cuts, sentTwice };
}
