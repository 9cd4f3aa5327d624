import { constants } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { bundleFiles, isLitter, isSignatureName, packFolder, packPath } from './names.ts';

/** What lies in a bundle's folder, by kind; nothing has been opened. */
export interface FolderListing {
  /** Names of regular files that may belong to the bundle. */
  readonly files: ReadonlySet<string>;
  readonly signatures: readonly string[];
  readonly litter: readonly string[];
}

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
  const files = found.filter((name) => !litter.includes(name) && name !== packFolder).sort();
  const faults: PackferryError[] = [];
  for (const name of files) {
    const what = await oddityOf(path.join(dir, name));
    if (what !== undefined) {
      faults.push(
        new PackferryError('E_BUNDLE_EXTRA_FILE', `${name} is ${what}: a bundle holds regular files only`),
      );
    }
  }
  if (faults.length > 0) {
    throw new PackferryError('E_BUNDLE_EXTRA_FILE', `${dir} is no acceptable bundle`, { errors: faults });
  }
  return { files: new Set(files), signatures: files.filter(isSignatureName), litter };
}

/** The paths of what lies in the folder of carried packs, the only folder that a bundle may have. */
async function namesOfPacks(dir: string, names: readonly string[]): Promise<string[]> {
  if (!names.includes(packFolder)) return [];
  const folder = path.join(dir, packFolder);
  const inside = (await lstat(folder)).isDirectory() ? await readdir(folder) : [];
  if (inside.length > 0) return inside.map(packPath);
  throw new PackferryError('E_BUNDLE_EXTRA_FILE', `${packFolder} is no folder with packs in it`, {
    hint: 'Copy the whole bundle again, into an empty folder.',
  });
}

async function oddityOf(file: string): Promise<string | undefined> {
  const stats = await lstat(file);
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (!stats.isFile()) return 'a device, pipe or socket';
  if (stats.nlink > 1) return 'a file with several names (hard links)';
  return undefined;
}

function notFound(dir: string, fault: unknown): PackferryError {
  const hint = 'Give the folder of the bundle, the one with SHA256SUMS in it.';
  const why = systemCodeOf(fault) === 'ENOENT' ? 'no such folder' : messageOf(fault);
  return new PackferryError('E_BUNDLE_NOT_FOUND', `${dir}: ${why}`, { hint, cause: fault });
}

/** Opens a file of the bundle for reading; a link that took its place meanwhile is refused, a pipe does not block. */
export async function openBundleFile(dir: string, name: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return readingFile(name, () => open(path.join(dir, name), flags));
}

/**
 * Reads a file of the bundle from its start, without going beyond what `accept` makes of the size that the opened file
 * has: it throws for a wrong size, before the first byte is read. A byte that is there in spite of that comes through.
 */
export async function openBundleStream(
  dir: string,
  name: string,
  accept: (size: number) => void,
  options: { readonly highWaterMark?: number; readonly signal?: AbortSignal } = {},
): Promise<Readable> {
  const file = await openBundleFile(dir, name);
  try {
    const stats = await readingFile(name, () => file.stat());
    if (!stats.isFile()) throw new PackferryError('E_BUNDLE_EXTRA_FILE', `${name} is no regular file`);
    accept(stats.size);
    // `end` is inclusive.
    return file.createReadStream({ ...options, end: stats.size });
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
export async function readBundleFile(dir: string, name: string, maxBytes: number): Promise<Buffer> {
  const content = await openBundleStream(dir, name, atMost(name, maxBytes));
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
