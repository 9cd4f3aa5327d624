import { setMaxListeners } from 'node:events';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { ImageSource } from '../core/ports.ts';
import { totalSize } from '../core/image.ts';
import { labelOfJob, nameOfJob, type BlobJob } from './blob-job.ts';
import { Crew } from './crew.ts';
import { fillBlob } from './fill-blob.ts';
import { tellImages } from './image-progress.ts';
import type { Journal, JournalState } from './journal.ts';
import type { BlobLender } from './lender.ts';

export interface RunOptions {
  readonly source: ImageSource;
  readonly lenders: readonly BlobLender[];
  readonly journal: Journal;
  readonly earlier: JournalState | undefined;
  /** Blobs that are worked on at the same time. */
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Ran {
  /** Bytes that came from the source. */
  readonly bytesFetched: number;
  /** The blobs that stand in their places, verified. */
  readonly done: ReadonlySet<Digest>;
  /** One for each blob that could not be had. */
  readonly errors: readonly PackferryError[];
}

/**
 * Runs the jobs side by side, in their order; whoever can helps with those that are under way before he begins another.
 * The first failure ends all, unless all that can be fetched is wanted.
 */
export async function runJobs(jobs: readonly BlobJob[], options: RunOptions): Promise<Ran> {
  const { source, lenders, journal, earlier, keepGoing } = options;
  const emit = tellImages(jobs, options.emit);
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  // Every running job listens, some twice: that many are no leak.
  setMaxListeners(4 * options.jobs + 16, signal);
  const errors: PackferryError[] = [];
  const done = new Set<Digest>();
  const crew = new Crew(totalSize(jobs.map(({ blob }) => blob)), options.jobs);
  let bytesFetched = 0;
  const run = async (job: BlobJob): Promise<void> => {
    if (signal.aborted) return;
    const written = earlier?.stretches.get(job.blob.digest) ?? [];
    try {
      const fetched = await fillBlob(job, { source, lenders, journal, crew, written, emit, signal });
      bytesFetched += fetched;
      done.add(job.blob.digest);
    } catch (fault) {
      if (hasEnded(signal)) return;
      const error = withName(asPackferryError(fault), nameOfJob(job));
      errors.push(error);
      emit({ type: 'failed', task: 'pull', item: job.blob.digest, label: labelOfJob(job), error });
      // A disk that is full is so for every blob.
      if (!keepGoing || error.code === 'E_DISK_FULL') failed.abort();
    }
  };
  const queue = jobs.values();
  const member = async (): Promise<void> => {
    for (;;) {
      for (let work = crew.open; work !== undefined; work = crew.open) await work.help();
      const { value: job } = queue.next();
      if (job === undefined) break;
      await crew.working(() => run(job));
    }
    await crew.help();
  };
  await Promise.all(Array.from({ length: options.jobs }, member));
  return { bytesFetched, done, errors };
}

/**
 * Throws what failed, all in one: the images that could not be had (`missing`), then the blobs. It is `E_PARTIAL` when
 * a run that was to keep going has some image whole.
 */
export function throwFailures(
  { errors, done }: Ran,
  jobs: readonly BlobJob[],
  { keepGoing, missing = [] }: { readonly keepGoing: boolean; readonly missing?: readonly PackferryError[] },
): void {
  const all = [...missing, ...errors];
  const [first] = all;
  if (first === undefined) return;
  const names = new Set(jobs.flatMap(({ references }) => references));
  const failed = new Set(jobs.flatMap(({ blob, references }) => (done.has(blob.digest) ? [] : references)));
  const hint = 'Run the same command again: only what is missing is fetched.';
  if (keepGoing && failed.size < names.size) {
    const message = `${failed.size + missing.length} of ${names.size + missing.length} images could not be had; what was fetched of the others is kept, and no bundle is written`;
    throw new PackferryError('E_PARTIAL', message, { hint, errors: all });
  }
  if (all.length === 1) throw first;
  throw new PackferryError(first.code, `${errors.length} blobs could not be fetched`, { hint, errors: all });
}

/** Asked anew after an await: the type checker would take the answer from before. */
function hasEnded(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** An error that names the image; sources that know it do so themselves. */
function withName(error: PackferryError, name: string): PackferryError {
  return error.message.startsWith(name) ? error : error.with(`${name}: ${error.message}`);
}
