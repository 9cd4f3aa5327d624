import { BaseMissing } from '../core/base-missing.ts';
import { asPackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { LockedImage } from '../core/image.ts';
import type { Confirmation, DeliverOptions, Delivery, ImageSource, ImageTarget } from '../core/ports.ts';
import { pauseAfterBreak } from '../engine/over-breaks.ts';
import type { Pace } from './pace.ts';

export interface RedeliveryOptions extends DeliverOptions, Pick<Pace, 'retries' | 'retryDelay'> {
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** Called before the image is brought once more: it starts anew. */
  readonly onAgain: () => void;
}

/** What was brought, and the target's own answer. */
export interface Redelivered {
  readonly delivery: Delivery;
  readonly answer: Confirmation;
}

/**
 * Brings an image to a target and has it confirmed. When the connection breaks, both are tried again: the target is asked
 * once more what it has, and what it has is not sent again. So it is when that to the engine breaks whose save goes straight
 * on to the target: the save begins anew. The bytes that were sent in vain count as sent. `BaseMissing` is thrown at once.
 */
export async function deliverPersistently(
  target: ImageTarget,
  image: LockedImage,
  source: ImageSource,
  options: RedeliveryOptions,
): Promise<Redelivered> {
  const { signal, emit, onAgain, onBytes, retries = 5, retryDelay = 1000, ...more } = options;
  let sentInVain = 0;
  for (let tries = 0; ; tries += 1) {
    let sent = 0;
    const count = (bytes: number): void => {
      sent = bytes;
      onBytes?.(bytes);
    };
    try {
      const delivery = await target.deliver(image, source, { ...more, signal, onBytes: count });
      // Also where the answer gets lost they have been sent.
      sent = Math.max(sent, delivery.bytesSent);
      const answer = await target.confirm(image, signal);
      return { delivery: { ...delivery, bytesSent: sentInVain + delivery.bytesSent }, answer };
    } catch (fault) {
      signal.throwIfAborted();
      if (fault instanceof BaseMissing) throw fault;
      const error = asPackferryError(fault);
      const mayPass = target.wayBroke?.(error) === true || error.details.sourceBroke === true;
      if (tries >= retries || !mayPass) throw error;
      sentInVain += sent;
      const { message } = error;
      const what = message.includes(image.reference) ? '' : `${image.reference}: `;
      emit({ type: 'note', level: 'warning', message: `${what}${message}; it is brought again` });
      await pauseAfterBreak(tries, message, { name: target.name, retryDelay, emit, signal });
      onAgain();
    }
  }
}
