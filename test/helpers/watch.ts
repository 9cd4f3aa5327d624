import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/flows/rate-limit.ts';

/** Time that passes only while somebody sleeps, and then at once. */
export class Watch implements Clock {
  time = 0;
  readonly now = (): number => this.time;
  readonly sleep = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
    const end = this.time + milliseconds;
    await turn();
    signal.throwIfAborted();
    this.time = Math.max(this.time, end);
  };
}
