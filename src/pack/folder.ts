import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { FoundPack, PackFile } from './layout.ts';
import { readFile, unreadable } from './read-file.ts';

export interface FolderOptions {
  /** Also go into folders named TestPlaybooks. */
  readonly testPlaybooks: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Takes the mistakes that do not stop the search. */
  readonly report: (mistake: PackferryError) => void;
}

/** Folders of packs in which items with images lie, in source and built layouts. */
const itemFolders = ['Integrations', 'Scripts', 'Beta_Integrations', 'TestPlaybooks'];
const packFolders = [...itemFolders, 'Playbooks'];
const metadataName = 'pack_metadata.json';

/** Never content of a pack as it is uploaded; hidden files and folders are not looked at either. */
const skippedFolders = ['node_modules', 'test_data', '__MACOSX'];

const yamlName = /\.ya?ml$/i;
const archiveName = /\.(?:zip|tar|tgz|gz)$/i;

/** Is this the name of a file that cannot be read yet, but may hold packs? */
export function isArchiveName(name: string): boolean {
  return archiveName.test(name);
}

/** Is this the name of a file that may be an item? */
export function isYamlName(name: string): boolean {
  return yamlName.test(name);
}

interface Place {
  /** For messages, beginning as the caller wrote it. */
  readonly path: string;
  /** Free of symbolic links. */
  readonly identity: string;
}

interface Draft extends Place {
  readonly id: string;
  metadata: PackFile | undefined;
  readonly files: PackFile[];
}

/**
 * Finds the packs in a folder, by what the folder holds: it may be a pack, a folder of packs, a content repository
 * (which has `Packs`), or have items directly in it. Items outside any pack come as one found pack with the name of
 * `root`. Symbolic links inside are skipped with a warning, so the search stays below `root`. Sorted by path.
 */
export async function findInFolder(root: string, options: FolderOptions): Promise<FoundPack[]> {
  const place = { path: root, identity: await realpath(root) };
  const loose = draft(place);
  const found: Draft[] = [loose];
  await walk(place, undefined, { loose, found }, options);
  return found.filter((pack) => pack.metadata !== undefined || pack.files.length > 0);
}

function draft(place: Place): Draft {
  return { ...place, id: path.basename(path.resolve(place.path)), metadata: undefined, files: [] };
}

async function walk(
  place: Place,
  outer: Draft | undefined,
  result: { readonly loose: Draft; readonly found: Draft[] },
  options: FolderOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  const entries = await list(place, options);
  let pack = outer;
  if (pack === undefined && isPack(entries)) {
    pack = draft(place);
    result.found.push(pack);
  }
  for (const entry of pack === undefined ? contentOf(entries) : entries) {
    const inner = below(place, entry.name);
    if (entry.isDirectory()) {
      if (isWanted(entry.name, options)) await walk(inner, pack, result, options);
    } else if (!entry.isFile()) {
      warn(
        options,
        `${inner.path}: skipped, ${entry.isSymbolicLink() ? 'a symbolic link' : 'no regular file'}`,
      );
    } else if (entry.name === metadataName && pack?.identity === place.identity) {
      pack.metadata = packFile(inner, pack);
    } else if (yamlName.test(entry.name)) {
      const owner = pack ?? result.loose;
      owner.files.push(packFile(inner, owner));
    } else if (pack === undefined && archiveName.test(entry.name)) {
      warn(options, `${inner.path}: skipped, archives cannot be read yet`);
    }
  }
}

/** The entries of a folder that are not hidden, sorted by name. */
async function list(place: Place, options: FolderOptions): Promise<Dirent[]> {
  try {
    const entries = await readdir(place.path, { withFileTypes: true });
    return entries.filter((entry) => !entry.name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (fault) {
    options.report(unreadable(place.path, 'E_PACK_INVALID', fault));
    return [];
  }
}

/** A pack has metadata or folders of items; a folder with `Packs` in it is a repository, whatever else it holds. */
function isPack(entries: readonly Dirent[]): boolean {
  if (entries.some((entry) => entry.name === metadataName)) return true;
  return !isRepository(entries) && hasFolder(entries, packFolders);
}

function isRepository(entries: readonly Dirent[]): boolean {
  return hasFolder(entries, ['Packs']);
}

function hasFolder(entries: readonly Dirent[], names: readonly string[]): boolean {
  return entries.some((entry) => entry.isDirectory() && names.includes(entry.name));
}

/** Repositories also hold tools, templates and tests of their own: those are no content. */
function contentOf(entries: readonly Dirent[]): readonly Dirent[] {
  if (!isRepository(entries)) return entries;
  return entries.filter((entry) => entry.name === 'Packs' || itemFolders.includes(entry.name));
}

function isWanted(folder: string, { testPlaybooks }: FolderOptions): boolean {
  return !skippedFolders.includes(folder) && (testPlaybooks || folder !== 'TestPlaybooks');
}

function below(place: Place, name: string): Place {
  return { path: path.join(place.path, name), identity: path.join(place.identity, name) };
}

function packFile(place: Place, pack: Draft): PackFile {
  const inside = path.relative(pack.identity, place.identity).split(path.sep).join('/');
  return fileAt(place, `${pack.id}/${inside}`);
}

/** A file of the file system. */
export function fileAt(place: Place, file: string): PackFile {
  return {
    ...{ ...place, file },
    read: (maxBytes, signal) => readFile(place.path, { code: 'E_PACK_INVALID', maxBytes, signal }),
  };
}

function warn(options: FolderOptions, message: string): void {
  options.emit({ type: 'note', level: 'warning', message });
}
