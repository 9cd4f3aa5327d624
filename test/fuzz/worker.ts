// Runs one target in a thread of its own, so that the main one can see when it hangs.
import { parentPort, workerData } from 'node:worker_threads';
import { runTarget } from './run-target.ts';
import { targetNamed } from './targets/all.ts';
import type { Job } from './watch.ts';

const { name, progress, ...options } = workerData as Job;
const seen = new Float64Array(progress);
const onRun = (run: number): void => {
  seen[0] = run;
  seen[1] = Date.now();
};
// The main thread ends this one when it has this, whatever the target still holds open.
parentPort?.postMessage(await runTarget(targetNamed(name), { ...options, onRun }));
