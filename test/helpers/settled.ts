import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What `read` gives, asked again until it is `wanted`, for a minute: engines and servers take away what they had a moment
 * after a connection ended. What it gives at last is compared by the caller.
 */
export async function settled<T>(read: () => Promise<T>, wanted: T): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const now = await read();
    if (tries >= 600 || isDeepStrictEqual(now, wanted)) return now;
    await delay(100);
  }
}
