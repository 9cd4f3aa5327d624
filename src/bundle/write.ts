import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import { syncFolder } from '../archive/atomic-file.ts';
import { digestOf } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { totalSize } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { Signer } from '../trust/signer.ts';
import { ArchiveFile } from './archive-file.ts';
import { blobJobs, labelOfJob, nameOfJob, type BlobJob } from './blob-job.ts';
import { writePacks } from './carried-packs.ts';
import { checkImages } from './check-images.ts';
import {
  contentIdentity,
  documentText,
  makeDocument,
  planVolumes,
  type BundleContent,
  type PlannedVolume,
} from './document.ts';
import { fillBlob } from './fill-blob.ts';
import { tellImages } from './image-progress.ts';
import { writeImporter } from './importer-file.ts';
import { Journal, type JournalState } from './journal.ts';
import type { BlobLender } from './lender.ts';
import { readDocument } from './read-document.ts';
import { sealBundle } from './seal.ts';
import { checkSpace, takeUp } from './take-up.ts';

/** The numbers of archives have three digits. */
const mostArchives = 999;

export interface WriteBundleOptions {
  /** The folder that becomes the bundle: absent, empty, or left by an interrupted export. */
  readonly dir: string;
  readonly content: BundleContent;
  readonly source: ImageSource;
  readonly signer: Signer;
  /** The one reading of the clock: createdAt, and in seconds the sequence. An interrupted run's is kept. */
  readonly now: Date;
  readonly tool: { readonly name: string; readonly version: string };
  /** Blobs that are fetched at the same time. */
  readonly jobs: number;
  /** Fetch what can be fetched although some blob failed. */
  readonly keepGoing: boolean;
  /** What may have blobs on this machine, in the order in which they are asked; then comes the source. */
  readonly lenders?: readonly BlobLender[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface WrittenBundle {
  readonly document: BundleDocument;
  /** Bytes that came from the source in this run. */
  readonly bytesFetched: number;
  /** sha256 in hex of SHA256SUMS: what was signed. */
  readonly sumsSha256: string;
}

/**
 * Fills a folder with a bundle: archives first, each blob fetched once and written to its planned places, then
 * bundle.json and the texts, then the sums, and the signature last. Until that last file is there, nothing takes the
 * folder for a bundle, and a rerun goes on where this one stopped.
 */
export async function writeBundle(options: WriteBundleOptions): Promise<WrittenBundle> {
  const volumes = planVolumes(options.content);
  const plan = digestOf(contentIdentity(options.content));
  checkReadable(volumes, options);
  const earlier = await takeUp(options.dir, plan, options.emit);
  await checkSpace(options.dir, volumes, options.content.importer?.entry);

  const createdAt = earlier?.createdAt ?? utcSeconds(options.now);
  const sequence = earlier?.sequence ?? Math.floor(options.now.getTime() / 1000);
  const journal =
    earlier === undefined
      ? await Journal.start(options.dir, { plan, createdAt, sequence })
      : await Journal.resume(options.dir);
  const { packs, sha256, bytesFetched } = await fill(volumes, journal, earlier, options).finally(() =>
    journal.close(),
  );
  const document = makeDocument(options.content, volumes, {
    sequence,
    createdAt,
    tool: options.tool,
    sha256,
    packs,
  });
  await checkProduct(document, options.dir);
  const sumsSha256 = await sealBundle(document, options);
  return { document, bytesFetched, sumsSha256 };
}

/** Refuses before the first byte what a reader of the bundle would refuse: too many archives, or names that clash. */
function checkReadable(volumes: readonly PlannedVolume[], { content, now, tool }: WriteBundleOptions): void {
  const sha256 = new Map(volumes.map(({ file }) => [file, '0'.repeat(64)]));
  const facts = { sequence: 0, createdAt: utcSeconds(now), tool, sha256, packs: [] };
  if (volumes.length > mostArchives) {
    const message = `the bundle would need ${volumes.length} archives, the format allows ${mostArchives}`;
    throw new PackferryError('E_IMAGE_TOO_LARGE', message, {
      hint: 'Give a larger --volume-size, leave out --per-image, or divide the manifest.',
    });
  }
  readDocument(Buffer.from(documentText(makeDocument(content, volumes, facts))));
}

/** An image whose manifest says something else than the lock is found here, and not on the closed side. */
async function checkProduct(document: BundleDocument, dir: string): Promise<void> {
  const { volumes } = readDocument(Buffer.from(documentText(document)));
  const errors = await checkImages(dir, document, volumes);
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  throw new PackferryError(first.code, `${errors.length} images are not what was locked`, { errors });
}

interface Filled {
  readonly packs: BundleDocument['packs'];
  readonly sha256: ReadonlyMap<string, string>;
  readonly bytesFetched: number;
}

/** Packs first: a zip that is missing is not to be found out after hours. */
async function fill(
  volumes: readonly PlannedVolume[],
  journal: Journal,
  earlier: JournalState | undefined,
  options: WriteBundleOptions,
): Promise<Filled> {
  const packs = await writePacks(options.dir, options.content.packs);
  if (options.content.importer !== undefined) await writeImporter(options.dir, options.content.importer);
  const archives: ArchiveFile[] = [];
  try {
    for (const volume of volumes) archives.push(await ArchiveFile.open(options.dir, volume));
    const jobs = blobJobs(archives);
    options.emit({
      type: 'planned',
      task: 'pull',
      items: jobs.length,
      bytes: totalSize(jobs.map(({ blob }) => blob)),
    });
    const bytesFetched = await runJobs(jobs, journal, earlier, options);
    const sha256 = new Map<string, string>();
    for (const archive of archives) sha256.set(archive.volume.file, await archive.complete(options.signal));
    await syncFolder(options.dir);
    options.emit({ type: 'finished', task: 'pull' });
    return { packs, sha256, bytesFetched };
  } finally {
    for (const archive of archives) await archive.close();
  }
}

/** Runs the jobs side by side. The first failure ends the others, unless all that can be fetched is wanted. */
async function runJobs(
  jobs: readonly BlobJob[],
  journal: Journal,
  earlier: JournalState | undefined,
  options: WriteBundleOptions,
): Promise<number> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  // Every running job listens, some twice: that many are no leak.
  setMaxListeners(4 * options.jobs + 16, signal);
  const errors: PackferryError[] = [];
  const limit = pLimit(options.jobs);
  const emit = tellImages(jobs, options.emit);
  const run = async (job: BlobJob): Promise<number> => {
    if (signal.aborted) return 0;
    const written = earlier?.progress.get(job.blob.digest) ?? 0;
    try {
      const { source, lenders = [] } = options;
      return await fillBlob(job, { source, lenders, journal, written, emit, signal });
    } catch (fault) {
      if (hasEnded(signal)) return 0;
      const error = withName(asPackferryError(fault), nameOfJob(job));
      errors.push(error);
      emit({ type: 'failed', task: 'pull', item: job.blob.digest, label: labelOfJob(job), error });
      if (!options.keepGoing) failed.abort();
      return 0;
    }
  };
  const fetched = await Promise.all(jobs.map((job) => limit(run, job)));
  options.signal.throwIfAborted();
  const [first] = errors;
  if (first !== undefined && errors.length === 1) throw first;
  if (first !== undefined) {
    throw new PackferryError(first.code, `${errors.length} blobs could not be fetched`, {
      hint: 'Run the same command again: what was fetched is kept.',
      errors,
    });
  }
  return fetched.reduce((sum, bytes) => sum + bytes, 0);
}

/** Asked anew after an await: the type checker would take the answer from before. */
function hasEnded(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** An error that names the image; sources that know it do so themselves. */
function withName(error: PackferryError, name: string): PackferryError {
  return error.message.startsWith(name) ? error : error.with(`${name}: ${error.message}`);
}

/** A time in UTC to the second, as bundle.json holds it. */
function utcSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
