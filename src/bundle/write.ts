import { syncFolder } from '../archive/atomic-file.ts';
import { digestOf } from '../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { totalSize } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { Signers } from '../trust/signer.ts';
import { ArchiveFile } from './archive-file.ts';
import { blobJobs, type BlobJob } from './blob-job.ts';
import { writePacks } from './carried-packs.ts';
import { checkWritten } from './check-written.ts';
import {
  blobPlaces,
  contentIdentity,
  documentText,
  makeDocument,
  planVolumes,
  type BundleContent,
  type PlannedVolume,
} from './document.ts';
import { HashThread } from './hash-thread.ts';
import { writeImporter } from './importer-file.ts';
import { Journal, type BlobPlace, type JournalState } from './journal.ts';
import type { BlobLender } from './lender.ts';
import { readDocument } from './read-document.ts';
import { runJobs, throwFailures } from './run-jobs.ts';
import { sealBundle } from './seal.ts';
import { removeAside } from './set-aside.ts';
import { dropAll, makeRoom, type RoomOptions } from './space.ts';
import { takeUp } from './take-up.ts';
import { UnfinishedExport } from './unfinished.ts';

/** The numbers of archives have three digits. */
const mostArchives = 999;

export interface WriteBundleOptions {
  /** The folder that becomes the bundle: absent, empty, or left by an interrupted export. */
  readonly dir: string;
  readonly content: BundleContent;
  readonly source: ImageSource;
  readonly signers: Signers;
  /** The one reading of the clock: createdAt, and in seconds the sequence. An interrupted run's is kept. */
  readonly now: Date;
  /** The number of the bundle in its stream, where it does not follow from the clock. */
  readonly sequence?: number;
  readonly tool: { readonly name: string; readonly version: string };
  /** Blobs that are fetched at the same time. */
  readonly jobs: number;
  /** Fetch what can be fetched although some blob failed. */
  readonly keepGoing: boolean;
  /** Images that belong to the bundle and cannot be had: the others are fetched, and then it fails with these. */
  readonly missing?: readonly PackferryError[];
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
  const { dir, jobs, emit } = options;
  const earlier = await takeUp(dir, plan, emit);
  const importer = options.content.importer?.entry;
  const left = await UnfinishedExport.find(dir);
  const { packs } = options.content;
  const room: RoomOptions = { dir, volumes, importer, packs, unfinished: left, jobs, emit };
  const unfinished = await makeRoom(room);

  const createdAt = earlier?.createdAt ?? utcSeconds(options.now);
  const sequence = options.sequence ?? earlier?.sequence ?? Math.floor(options.now.getTime() / 1000);
  const stretches = earlier?.stretches ?? new Map();
  const places = placesOf(volumes);
  const journal = await Journal.start(dir, { plan, createdAt, sequence, stretches, places });
  const filled = await fill({ ...room, unfinished }, journal, earlier, options).finally(() =>
    journal.close(),
  );
  const document = makeDocument(options.content, volumes, {
    sequence,
    createdAt,
    tool: options.tool,
    sha256: filled.sha256,
    packs: filled.packs,
  });
  await checkProduct(document, options.dir);
  const sumsSha256 = await sealBundle(document, options);
  return { document, bytesFetched: filled.bytesFetched, sumsSha256 };
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
  const errors = await checkWritten(dir, volumes);
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  throw new PackferryError(first.code, `${errors.length} images are not what was locked`, { errors });
}

/** Where each blob will stand, for the journal. */
function placesOf(volumes: readonly PlannedVolume[]): BlobPlace[] {
  return volumes.flatMap(({ file, plan }) => blobPlaces(plan).map((place) => ({ file, ...place })));
}

interface Filled {
  readonly packs: BundleDocument['packs'];
  readonly sha256: ReadonlyMap<string, string>;
  readonly bytesFetched: number;
}

/** Packs first: a zip that is missing is not to be found out after hours. */
async function fill(
  room: RoomOptions,
  journal: Journal,
  earlier: JournalState | undefined,
  options: WriteBundleOptions,
): Promise<Filled> {
  const { dir, content, emit, signal } = options;
  const packs = await writePacks(dir, content.packs);
  if (content.importer !== undefined) await writeImporter(dir, content.importer);
  const hashes = new HashThread();
  let archives: readonly ArchiveFile[] = [];
  try {
    const opened = await openArchives(room, hashes);
    const { unfinished } = opened;
    archives = opened.archives;
    const jobs = inOrder(blobJobs(archives), unfinished);
    emit({
      type: 'planned',
      task: 'pull',
      items: jobs.length,
      bytes: totalSize(jobs.map(({ blob }) => blob)),
    });
    const lenders = [...unfinished, ...(options.lenders ?? [])];
    const ran = await runJobs(jobs, { ...options, lenders, journal, earlier });
    signal.throwIfAborted();
    for (const old of unfinished) if (old.isCoveredBy(ran.done)) await old.remove();
    throwFailures(ran, jobs, options);
    const sha256 = new Map<string, string>();
    for (const archive of archives) sha256.set(archive.volume.file, await archive.complete());
    await syncFolder(dir);
    await removeAside(dir);
    emit({ type: 'finished', task: 'pull' });
    return { packs, sha256, bytesFetched: ran.bytesFetched };
  } finally {
    // Before the files are closed: it reads them.
    await hashes.close();
    for (const archive of archives) await archive.close();
  }
}

/** On file systems that know no holes, an archive takes all its room as soon as it is made: there may be none for both. */
async function openArchives(
  room: RoomOptions,
  hashes: HashThread,
): Promise<{ archives: readonly ArchiveFile[]; unfinished: readonly UnfinishedExport[] }> {
  const archives: ArchiveFile[] = [];
  try {
    for (const volume of room.volumes) archives.push(await ArchiveFile.open(room.dir, volume, hashes));
    return { archives, unfinished: room.unfinished };
  } catch (fault) {
    for (const archive of archives) await archive.close();
    if (room.unfinished.length === 0 || systemCodeOf(fault) !== 'ENOSPC') throw fault;
    return openArchives({ ...room, unfinished: await dropAll(room, messageOf(fault)) }, hashes);
  }
}

/** What an unfinished export lends comes first, from the ends of its files, so that it can give its room back. */
function inOrder(jobs: readonly BlobJob[], unfinished: readonly UnfinishedExport[]): BlobJob[] {
  const placeOf = ({ blob }: BlobJob): number => {
    const lender = unfinished.find((old) => old.held(blob) > 0);
    return lender === undefined ? -1 : lender.placeOf(blob.digest);
  };
  return [...jobs].sort((a, b) => placeOf(b) - placeOf(a));
}

/** A time in UTC to the second, as bundle.json holds it. */
function utcSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
