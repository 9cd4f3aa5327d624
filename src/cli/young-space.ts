import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the space for young objects as small as it is when the program starts. V8 doubles it, up to 32 MiB, whenever much of
 * what is in it is still in use when it is full, and keeps it filled with garbage from then on. What is not allowed to double
 * stays. (`--max-semi-space-size` is read only before the program starts.)
 */
export function keepYoungSpaceSmall(): void {
  forbidToDouble();
  // The heap of a new thread begins with taking the flag back, for the whole process: once it runs, that has happened.
  process.on('worker', (worker) => worker.once('online', forbidToDouble));
}

function forbidToDouble(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
