// Runs one target in a thread of its own, so that the main one can see when it hangs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { runTarget, type Tally } from './run-target.ts';
import { targetNamed } from './targets/all.ts';
import type { Job } from './watch.ts';

const { name, from, runs, until, progress } = workerData as Job;
const seen = new Float64Array(progress);
const folder = await mkdtemp(path.join(tmpdir(), 'packferry-fuzz-'));
const onRun = (run: number): void => {
  seen[0] = run;
  seen[1] = Date.now();
};
let tally: Tally;
try {
  tally = await runTarget(targetNamed(name), { folder, from, runs, until, onRun });
} finally {
  await rm(folder, { recursive: true, force: true });
}
// The main thread ends this one when it has this, whatever the target still holds open.
parentPort?.postMessage(tally);
