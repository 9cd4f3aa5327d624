import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageTarget } from '../core/ports.ts';
import type { ImportedImage } from '../schema/reports.ts';
import { reportError } from './report.ts';

export interface SmokeOutcome {
  readonly image: ImportedImage;
  readonly error?: PackferryError;
}

/**
 * Runs an image that is there once, to see that it starts. One that does not stays where it is, and is told as
 * `E_SMOKE_FAILED`. Throws the reason of the signal only.
 */
export async function smoke(
  target: ImageTarget,
  image: LockedImage,
  delivered: ImportedImage,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<SmokeOutcome> {
  const { reference } = image;
  if (target.smoke === undefined || delivered.id === undefined) {
    const message = `${reference}: ${target.name} runs nothing, so it was not tried whether the image starts`;
    emit({ type: 'note', level: 'warning', message });
    return { image: delivered };
  }
  try {
    const answer = await target.smoke(image, delivered.id, signal);
    if (answer.started) {
      const message = `${reference}: starts: ${answer.command}: ${answer.words}`;
      emit({ type: 'note', level: 'info', message });
      return { image: { ...delivered, smoke: 'passed' } };
    }
    throw new PackferryError(
      'E_SMOKE_FAILED',
      `${reference}: it is on ${target.name}, but ${answer.reason}`,
      {
        hint: `Run it there by hand. Images for another platform do not start, and some engines run nothing at all.`,
      },
    );
  } catch (fault) {
    signal.throwIfAborted();
    const error = asPackferryError(fault);
    return { image: { ...delivered, smoke: 'failed', error: reportError(error) }, error };
  }
}
