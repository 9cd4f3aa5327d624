import { constants, type Stats } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { bundleFiles, isLitter, isSignatureName, packFolder, packPath } from './names.ts';

/** What lies in a bundle's folder, by kind; nothing has been opened. */
export interface FolderListing {
  readonly dir: string;
  /** The regular files that may belong to the bundle, by name. */
  readonly files: ReadonlyMap<string, SeenFile>;
  readonly signatures: readonly string[];
  /** Is there a folder for packs, perhaps an empty one? */
  readonly hasPackFolder: boolean;
  readonly litter: readonly string[];
}

/** How a file was when the folder was listed. */
export type SeenFile = Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>;

/**
 * Lists a bundle's folder by `lstat`. Links, devices, pipes and folders are refused, unless they are known litter of an
 * operating system. Throws `E_BUNDLE_NOT_FOUND`, `E_BUNDLE_INCOMPLETE` or `E_BUNDLE_EXTRA_FILE`.
 */
export async function listFolder(dir: string): Promise<FolderListing> {
  const names = await readdir(dir).catch((fault: unknown) => {
    throw notFound(dir, fault);
  });
  if (names.includes(bundleFiles.journal) || names.includes(bundleFiles.lock)) {
    throw new PackferryError('E_BUNDLE_INCOMPLETE', `${dir}: the export into this folder has not finished`, {
      hint: 'Run the same export again: it goes on where it stopped.',
    });
  }
  const found = [...names, ...(await namesOfPacks(dir, names))];
  const litter = found.filter((name) => isLitter(path.basename(name)));
  const candidates = found.filter((name) => !litter.includes(name) && name !== packFolder).sort();
  if (candidates.length === 0) {
    // Above all the place of a medium that is not there.
    throw new PackferryError('E_BUNDLE_NOT_FOUND', `${dir}: the folder is empty`, {
      hint: `Is the medium mounted? ${giveTheFolder}`,
    });
  }
  const files = new Map<string, SeenFile>();
  const faults: PackferryError[] = [];
  for (const name of candidates) {
    const stats = await lstat(path.join(dir, name)).catch((fault: unknown) => String(systemCodeOf(fault)));
    const what = typeof stats === 'string' ? `a name that leads nowhere (${stats})` : oddityOf(stats);
    if (typeof stats !== 'string' && what === undefined) files.set(name, stats);
    else faults.push(notRegular(name, what ?? ''));
  }
  const isNone = faults.length > 0 || !ownFiles.some((name) => names.includes(name));
  if (isNone && !names.includes(bundleFiles.sums)) {
    // The parent of a bundle, or any other folder.
    throw new PackferryError(
      'E_BUNDLE_NOT_FOUND',
      `${dir} is no bundle: there is no ${bundleFiles.sums} in it`,
      {
        hint: giveTheFolder,
      },
    );
  }
  if (faults.length > 0) {
    throw new PackferryError('E_BUNDLE_EXTRA_FILE', `${dir} is no acceptable bundle`, {
      hint: 'Copy the whole bundle again, into an empty folder.',
      errors: faults,
    });
  }
  // In the order of the signers: the number decides, not the letters.
  const signatures = [...files.keys()]
    .filter(isSignatureName)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return { dir, files, signatures, hasPackFolder: names.includes(packFolder), litter };
}

/** The paths of what lies in the folder of carried packs, the only folder that a bundle may have. */
async function namesOfPacks(dir: string, names: readonly string[]): Promise<string[]> {
  if (!names.includes(packFolder)) return [];
  const folder = path.join(dir, packFolder);
  const isFolder = await readingFile(packFolder, async () => (await lstat(folder)).isDirectory());
  if (isFolder) return (await readingFile(packFolder, () => readdir(folder))).map(packPath);
  throw new PackferryError('E_BUNDLE_EXTRA_FILE', `${packFolder} is no folder`, {
    hint: 'Copy the whole bundle again, into an empty folder.',
  });
}

function oddityOf(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (!stats.isFile()) return 'a device, pipe or socket';
  if (stats.nlink > 1) return 'a file with several names (hard links)';
  return undefined;
}

function notRegular(name: string, what: string): PackferryError {
  const message = `${name} is ${what}: a bundle holds regular files only`;
  return new PackferryError('E_BUNDLE_EXTRA_FILE', message, {
    hint: 'Take it out of the folder, or copy the bundle as plain files: cp -rL BUNDLE COPY.',
  });
}

function notFound(dir: string, fault: unknown): PackferryError {
  const known = new Map([
    ['ENOENT', 'no such folder'],
    ['ENOTDIR', 'it is a file, and a bundle is a folder'],
  ]);
  const why = known.get(systemCodeOf(fault) ?? '') ?? messageOf(fault);
  return new PackferryError('E_BUNDLE_NOT_FOUND', `${dir}: ${why}`, { hint: giveTheFolder, cause: fault });
}

/** Each of them shows that a folder is a bundle, whatever it lacks. */
const ownFiles: readonly string[] = [bundleFiles.document, bundleFiles.signature];

const giveTheFolder = `Give the folder of the bundle, the one with ${bundleFiles.sums} in it.`;

/**
 * Opens a file of the bundle for reading. A link that took its place meanwhile is refused, a pipe does not block, and
 * what was opened is looked at once more: it is a regular file, and the one that was `seen` in the listing.
 */
export async function openBundleFile(dir: string, name: string, seen?: SeenFile): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await readingFile(name, () => open(path.join(dir, name), flags));
  try {
    const stats = await readingFile(name, () => file.stat());
    const oddity = oddityOf(stats);
    if (oddity !== undefined) throw notRegular(name, oddity);
    if (seen !== undefined && isAnother(stats, seen)) {
      throw new PackferryError('E_BUNDLE_MALFORMED', `${name} was changed while the bundle was verified`, {
        hint: 'See to it that nobody writes to the medium, and verify again.',
      });
    }
    return file;
  } catch (fault) {
    await file.close();
    throw fault;
  }
}

/** FAT has no numbers for files: Linux makes them up anew whenever it has forgotten a file. The time then decides. */
function isAnother(stats: Stats, seen: SeenFile): boolean {
  const isRenumbered = stats.ino !== seen.ino && stats.mtimeMs === seen.mtimeMs;
  return stats.dev !== seen.dev || stats.size !== seen.size || (stats.ino !== seen.ino && !isRenumbered);
}

export interface StreamOptions {
  /** How the file was when the folder was listed. */
  readonly seen?: SeenFile | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Reads a file of the bundle from its start, without going beyond what `accept` makes of the size that the opened file
 * has: it throws for a wrong size, before the first byte is read. A byte that is there in spite of that comes through.
 */
export async function openBundleStream(
  dir: string,
  name: string,
  accept: (size: number) => void,
  { seen, ...options }: StreamOptions = {},
): Promise<Readable> {
  const file = await openBundleFile(dir, name, seen);
  try {
    const { size } = await readingFile(name, () => file.stat());
    accept(size);
    // `end` is inclusive.
    return file.createReadStream({ ...options, end: size });
  } catch (fault) {
    await file.close();
    throw fault;
  }
}

/** Accepts sizes up to `maxBytes`. */
export function atMost(name: string, maxBytes: number): (size: number) => void {
  return (size) => {
    if (size > maxBytes) {
      throw new PackferryError('E_LIMIT_EXCEEDED', `${name}: ${size} bytes, over the limit of ${maxBytes}`);
    }
  };
}

/** Reads a small file of the bundle, up to `maxBytes`. */
export async function readBundleFile(
  dir: string,
  name: string,
  maxBytes: number,
  seen?: SeenFile,
): Promise<Buffer> {
  const content = await openBundleStream(dir, name, atMost(name, maxBytes), { seen });
  return readingFile(name, () => collect(content, maxBytes, name));
}

/** Works with a file of the bundle. What the machine refuses to read is `E_BUNDLE_INCOMPLETE`, with the name of the file. */
export async function readingFile<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PackferryError) throw cause;
    throw new PackferryError('E_BUNDLE_INCOMPLETE', `${name} cannot be read: ${messageOf(cause)}`, {
      hint: 'Try another drive or port, or copy the file again from where the bundle was made.',
      cause,
    });
  }
}
