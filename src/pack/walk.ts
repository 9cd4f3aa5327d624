import type { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import type { FoundPack, PackFile, Place } from './layout.ts';
import { isArchiveName, isYamlName, type TreeEntry, type TreeFile, type TreeFolder } from './tree.ts';

export interface FindOptions {
  /** Also go into folders named TestPlaybooks. */
  readonly testPlaybooks: boolean;
  /** Also look into the archives in a folder; otherwise they are skipped with a warning. */
  readonly archives: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Takes the mistakes that do not stop the search. */
  readonly report: (mistake: PackferryError) => void;
}

/** Folders of packs in which items with images lie, in source and built layouts. */
const itemFolders = ['Integrations', 'Scripts', 'Beta_Integrations', 'TestPlaybooks'];
const packFolders = [...itemFolders, 'Playbooks'];

/** Folders of contributions that the server exports; they have `metadata.json` beside them. */
const contributionFolders = ['integration', 'automation', 'playbook'];
const metadataName = 'pack_metadata.json';
const builtMetadataName = 'metadata.json';

/** Never content of a pack as it is uploaded; hidden files and folders are not looked at either. */
const skippedFolders = ['node_modules', 'test_data', '__MACOSX'];

export interface Walked {
  readonly packs: readonly FoundPack[];
  /** Archives beside packs. */
  readonly archives: readonly TreeFile[];
}

interface Draft extends Place {
  readonly name: string;
  readonly isSingle: false;
  metadata: PackFile | undefined;
  builtMetadata: PackFile | undefined;
  readonly files: PackFile[];
}

/** What the files of a folder belong to. */
interface Owner {
  readonly draft: Draft;
  /** The path of the folder inside it, with a slash at the end if there is one. */
  readonly inside: string;
  /** A pack, or the loose items outside any pack? */
  readonly isPack: boolean;
  /** Is this folder the top of an archive? */
  readonly isTop: boolean;
}

/**
 * Finds the packs in a folder or an archive, by what it holds: it may be a pack, have packs in it, be a content
 * repository (which has `Packs`), or have items directly in it. Items outside any pack come as one found pack under
 * the name of `root`. An archive (`isArchive`) with `metadata.json` at its top is a built pack, whatever else it holds. Symbolic links inside are skipped with a warning, so the search stays below `root`. Sorted by
 * path.
 */
export async function walk(
  root: TreeFolder,
  name: string,
  options: FindOptions,
  isArchive = false,
): Promise<Walked> {
  const loose = draftAt(root, name);
  const result = { packs: [loose], archives: [] };
  await walkFolder(
    root,
    name,
    { draft: loose, inside: '', isPack: false, isTop: isArchive },
    result,
    options,
  );
  return {
    packs: result.packs.filter((pack) => hasMetadata(pack) || pack.files.length > 0),
    archives: result.archives,
  };
}

/** Does it say of itself that it is a pack? */
export function hasMetadata({ metadata, builtMetadata }: FoundPack): boolean {
  return metadata !== undefined || builtMetadata !== undefined;
}

function draftAt({ path, identity }: Place, name: string): Draft {
  const metadata = undefined;
  return { ...{ path, identity, name, metadata }, builtMetadata: undefined, files: [], isSingle: false };
}

async function walkFolder(
  folder: TreeFolder,
  name: string,
  outer: Owner,
  result: { readonly packs: Draft[]; readonly archives: TreeFile[] },
  options: FindOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  const entries = (await folder.entries()).filter((entry) => !entry.name.startsWith('.'));
  let owner = outer;
  if (!outer.isPack && (isPack(entries) || (outer.isTop && isBuilt(entries)))) {
    owner = { draft: draftAt(folder, name), inside: '', isPack: true, isTop: false };
    result.packs.push(owner.draft);
  }
  const { draft, inside, isPack: isOfPack } = owner;
  for (const entry of isOfPack ? entries : contentOf(entries)) {
    if (entry.kind === 'folder') {
      const below = { ...owner, isTop: false, inside: `${inside}${entry.name}/` };
      if (isWanted(entry.name, options)) await walkFolder(entry, entry.name, below, result, options);
    } else if (entry.kind !== 'file') {
      const what = entry.kind === 'link' ? 'a link' : 'no regular file';
      options.emit({ type: 'note', level: 'warning', message: `${entry.path}: skipped, ${what}` });
    } else if (isOfPack && inside === '' && entry.name === metadataName) {
      draft.metadata = packFile(entry, inside, limits.packMetadata);
    } else if (isOfPack && inside === '' && entry.name === builtMetadataName) {
      draft.builtMetadata = packFile(entry, inside, limits.packMetadata);
    } else if (isYamlName(entry.name)) {
      draft.files.push(packFile(entry, inside, limits.itemYaml));
    } else if (!isOfPack && isArchiveName(entry.name)) {
      result.archives.push(entry);
    }
  }
}

/** A pack has metadata or folders of items; a folder with `Packs` in it is a repository, whatever else it holds. */
function isPack(entries: readonly TreeEntry[]): boolean {
  if (hasFile(entries, metadataName)) return true;
  if (hasFile(entries, builtMetadataName) && hasFolder(entries, contributionFolders)) return true;
  return !isRepository(entries) && hasFolder(entries, packFolders);
}

/** Packs of fields, layouts and the like have no folder that tells. */
function isBuilt(entries: readonly TreeEntry[]): boolean {
  const holdsOthers = entries.some(({ kind, name }) => kind === 'file' && isArchiveName(name));
  return hasFile(entries, builtMetadataName) && !isRepository(entries) && !holdsOthers;
}

function isRepository(entries: readonly TreeEntry[]): boolean {
  return hasFolder(entries, ['Packs']);
}

function hasFile(entries: readonly TreeEntry[], name: string): boolean {
  return entries.some((entry) => entry.kind === 'file' && entry.name === name);
}

function hasFolder(entries: readonly TreeEntry[], names: readonly string[]): boolean {
  return entries.some((entry) => entry.kind === 'folder' && names.includes(entry.name));
}

/** Repositories also hold tools, templates and tests of their own: those are no content. */
function contentOf(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  if (!isRepository(entries)) return entries;
  return entries.filter((entry) => entry.name === 'Packs' || itemFolders.includes(entry.name));
}

function isWanted(folder: string, { testPlaybooks }: FindOptions): boolean {
  return !skippedFolders.includes(folder) && (testPlaybooks || folder !== 'TestPlaybooks');
}

function packFile(file: TreeFile, folder: string, maxBytes: number): PackFile {
  const { path, identity, name } = file;
  return { path, identity, inside: `${folder}${name}`, read: file.take(maxBytes) };
}
