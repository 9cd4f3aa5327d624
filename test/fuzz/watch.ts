import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../src/core/errors.ts';
import type { Finding, Tally } from './run-target.ts';

/** What a thread is told. */
export interface Job {
  readonly name: string;
  readonly folder: string;
  readonly from: number;
  readonly runs: number;
  readonly until: number;
  /** Two numbers of 8 bytes: the current run, and when it started. */
  readonly progress: SharedArrayBuffer;
}

/** Runs a target in a thread of its own. A run that hangs, or that brings down the thread, is a finding and the last. @param patience milliseconds */
export async function runWatched(job: Omit<Job, 'progress' | 'folder'>, patience: number): Promise<Tally> {
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-fuzz-'));
  const progress = new SharedArrayBuffer(16);
  const seen = new Float64Array(progress);
  seen.set([job.from, Date.now()]);
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...job, folder, progress } satisfies Job,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  const ended = new AbortController();
  const brokenOff = (what: string): Tally => {
    const [run = job.from] = seen;
    const findings: Finding[] = [{ run, what }];
    return { runs: run - job.from + 1, accepted: 0, refused: 0, slowest: 0, findings };
  };
  const watch = setInterval(() => {
    if (Date.now() - (seen[1] ?? 0) > patience) ended.abort();
  }, 500);
  try {
    const [tally] = (await once(worker, 'message', { signal: ended.signal })) as [Tally];
    return tally;
  } catch (fault) {
    if (ended.signal.aborted) return brokenOff(`hangs: no end after ${patience / 1000} s`);
    return brokenOff(`brings the thread down: ${messageOf(fault)}`);
  } finally {
    clearInterval(watch);
    await worker.terminate();
    await rm(folder, { recursive: true, force: true });
  }
}
