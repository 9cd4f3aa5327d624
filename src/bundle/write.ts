import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import pLimit from 'p-limit';
import { digestOf, type Digest } from '../core/digest.ts';
import { asPackferryError, messageOf, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { totalSize } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatSize } from '../core/size.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { bundleNamespace } from '../trust/verify.ts';
import type { Signer } from '../trust/signer.ts';
import { ArchiveFile } from './archive-file.ts';
import { blobJobs, nameOfJob, runBlobJob, type BlobJob } from './blob-job.ts';
import {
  documentText,
  makeDocument,
  planVolumes,
  type BundleContent,
  type PlannedVolume,
} from './document.ts';
import { syncFolder, writeFileWhole } from './files.ts';
import { Journal, readJournal, type JournalState } from './journal.ts';
import { loaderText } from './loader.ts';
import { bundleFiles, isLitter } from './names.ts';
import { readmeText } from './readme.ts';
import { formatSums } from './sums.ts';

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
  const plan = digestOf(JSON.stringify([options.content, volumes.map(({ plan: { size } }) => size)]));
  const earlier = await takeUp(options.dir, plan);
  await checkSpace(options.dir, volumes, earlier);

  const createdAt = earlier?.createdAt ?? utcSeconds(options.now);
  const sequence = earlier?.sequence ?? Math.floor(options.now.getTime() / 1000);
  const journal =
    earlier === undefined
      ? await Journal.start(options.dir, { plan, createdAt, sequence })
      : await Journal.resume(options.dir);
  const filled = await fillVolumes(volumes, journal, earlier, options).finally(() => journal.close());

  const { sha256, bytesFetched } = filled;
  const document = makeDocument(options.content, volumes, {
    sequence,
    createdAt,
    tool: options.tool,
    sha256,
  });
  const sumsSha256 = await sealBundle(document, sha256, options);
  return { document, bytesFetched, sumsSha256 };
}

/** Finds out what the folder holds: nothing, the same export unfinished, or something that must not be touched. */
async function takeUp(dir: string, plan: Digest): Promise<JournalState | undefined> {
  const names = await namesIn(dir);
  const state = await readJournal(dir);
  if (state?.plan === plan) return state;
  if (!names.includes(bundleFiles.journal)) {
    if (names.every(isLitter)) return undefined;
    const isBundle = names.includes(bundleFiles.signature);
    throw new PackferryError(
      'E_OUTPUT_EXISTS',
      `${dir} ${isBundle ? 'holds another bundle' : 'is not empty'}`,
      {
        hint: 'Give a folder that does not exist yet: nothing is overwritten.',
      },
    );
  }
  // An unfinished export of other content: only the files that it made itself go.
  for (const name of names.filter(isOwnFile)) await rm(path.join(dir, name), { force: true });
  return undefined;
}

/** The names in the output folder, which is made when it is missing. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    await mkdir(dir, { recursive: true });
    return await readdir(dir);
  } catch (cause) {
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${dir} cannot be made or read: ${messageOf(cause)}`, {
      hint: 'Give a folder that you may write to.',
      cause,
    });
  }
}

function isOwnFile(name: string): boolean {
  const final = name.endsWith('.part') ? name.slice(0, -'.part'.length) : name;
  return Object.values<string>(bundleFiles).includes(final) || /^images-[0-9]{3}\.tar$/.test(final);
}

/** Refuses before the first byte when the disk cannot hold the bundle. */
async function checkSpace(
  dir: string,
  volumes: readonly PlannedVolume[],
  earlier: JournalState | undefined,
): Promise<void> {
  const written = [...(earlier?.progress.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
  const need = totalSize(volumes.map(({ plan: { size } }) => ({ size }))) - written;
  const { bavail, bsize } = await statfs(dir);
  if (need > bavail * bsize) {
    const message = `${dir}: the bundle needs ${formatSize(need)}, the disk has ${formatSize(bavail * bsize)} free`;
    throw new PackferryError('E_DISK_FULL', message, { hint: 'Free some space, or write to another disk.' });
  }
}

interface Filled {
  readonly sha256: ReadonlyMap<string, string>;
  readonly bytesFetched: number;
}

async function fillVolumes(
  volumes: readonly PlannedVolume[],
  journal: Journal,
  earlier: JournalState | undefined,
  options: WriteBundleOptions,
): Promise<Filled> {
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
    return { sha256, bytesFetched };
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
  const run = async (job: BlobJob): Promise<number> => {
    if (signal.aborted) return 0;
    const written = earlier?.progress.get(job.blob.digest) ?? 0;
    try {
      return await runBlobJob(job, { source: options.source, journal, written, emit: options.emit, signal });
    } catch (fault) {
      if (hasEnded(signal)) return 0;
      const error = withName(asPackferryError(fault), nameOfJob(job));
      errors.push(error);
      options.emit({ type: 'failed', task: 'pull', item: job.blob.digest, error });
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

/** Writes everything but the archives, each file whole; the signature last. Returns the sha256 of the list. */
async function sealBundle(
  document: BundleDocument,
  archives: ReadonlyMap<string, string>,
  options: WriteBundleOptions,
): Promise<string> {
  const { dir, signer, emit } = options;
  const texts = new Map<string, string>([
    [bundleFiles.document, documentText(document)],
    [bundleFiles.readme, readmeText(document, signer)],
    [bundleFiles.loader, loaderText()],
  ]);
  const sums = new Map(archives);
  for (const [name, text] of texts) {
    await writeFileWhole(path.join(dir, name), text, name === bundleFiles.loader ? 0o755 : 0o644);
    sums.set(name, createHash('sha256').update(text).digest('hex'));
  }
  const list = formatSums(sums);
  emit({ type: 'started', task: 'sign', item: bundleFiles.sums });
  const signature = await signer.sign(Buffer.from(list), bundleNamespace);
  await writeFileWhole(path.join(dir, bundleFiles.sums), list, 0o644);
  await writeFileWhole(path.join(dir, bundleFiles.signature), signature, 0o644);
  await rm(path.join(dir, bundleFiles.journal), { force: true });
  await syncFolder(dir);
  emit({ type: 'done', task: 'sign', item: bundleFiles.sums, detail: `signed by ${signer.fingerprint}` });
  return createHash('sha256').update(list).digest('hex');
}

/** A time in UTC to the second, as bundle.json holds it. */
function utcSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
