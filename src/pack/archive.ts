import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { ArchiveBudget } from './archive-budget.ts';
import type { PassingMember, ReadOptions } from './archive-member.ts';
import {
  fileSource,
  formatOf,
  memorySource,
  tarBlock,
  type ArchiveFormat,
  type ArchiveSource,
} from './archive-source.ts';
import type { FoundPack, Place } from './layout.ts';
import { MemberTree } from './member-tree.ts';
import { readTar } from './tar.ts';
import { bareName } from './tree.ts';
import { walk, type FindOptions } from './walk.ts';
import { readZip } from './zip.ts';

interface Archive extends Place {
  /** Of the file, or of the member of another archive. */
  readonly name: string;
  readonly source: ArchiveSource;
  /** 1 for an archive in no other. */
  readonly level: number;
  readonly budget: ArchiveBudget;
}

/** Is this file a zip or tar archive, or something compressed that may be one? Asks its content, not its name. */
export async function isArchive(path: string): Promise<boolean> {
  return (await formatAt(fileSource(path))) !== undefined;
}

/**
 * Finds the packs in an archive (zip, tar, tar.gz): a built pack, a contribution, a bundle of items from the server, a
 * content repository, or several packs as folders or as archives in it. Members are only read into memory. Throws
 * `E_PACK_INVALID` for a damaged archive and for one over its limits; single members that cannot be had fail when they
 * are read, and archives in it are reported.
 */
export async function findInArchive(place: Place, name: string, options: FindOptions): Promise<FoundPack[]> {
  const source = fileSource(place.path);
  try {
    const size = await source.withAccess((access) => Promise.resolve(access.size));
    const budget = new ArchiveBudget(place.path, size);
    return await find({ ...place, name, source, level: 1, budget }, options);
  } catch (fault) {
    throw explained(fault, place.path, options);
  }
}

async function find(archive: Archive, options: FindOptions): Promise<FoundPack[]> {
  const { path, budget } = archive;
  const { signal } = options;
  const tree = new MemberTree(archive, options.emit);
  let count = 0;
  const add = ({ member }: PassingMember): Promise<void> => {
    tree.add(count, member);
    count += 1;
    return Promise.resolve();
  };
  await readMembers(archive, { path, budget, signal, limitOf: () => undefined }, add);
  const { packs, archives } = await walk(tree.root, bareName(archive.name), options, true);
  const inner = new Set<unknown>(archives);
  for (const file of archives) file.take(limits.nestedArchive);

  const isZip = archive.level === 1 && (await formatAt(archive.source)) === 'zip';
  const found = packs.map((pack) => (isZip && isBuilt(pack, tree.root) ? { ...pack, zip: path } : pack));
  let index = -1;
  const fill = async ({ content }: PassingMember): Promise<void> => {
    index += 1;
    const file = tree.files.get(index);
    if (file?.limit === undefined || content === undefined) return;
    if (!inner.delete(file)) await file.fill(content);
    else if (content instanceof PackferryError) options.report(content);
    else found.push(...(await findInMember(file, content, archive, options)));
  };
  await readMembers(archive, { path, budget, signal, limitOf: (at) => tree.files.get(at)?.limit }, fill);
  for (const file of tree.files.values()) if (inner.has(file)) options.report(file.fault);
  return found;
}

async function findInMember(
  { path, identity, name }: Place & { readonly name: string },
  content: Buffer,
  outer: Archive,
  options: FindOptions,
): Promise<FoundPack[]> {
  const level = outer.level + 1;
  try {
    if (level > limits.archiveNesting) {
      throw new PackferryError(
        'E_PACK_INVALID',
        `${path}: more than ${limits.archiveNesting} archives in each other`,
        {
          hint: 'Unpack the outermost archive and name the folder.',
        },
      );
    }
    const source = memorySource(content);
    return await find({ path, identity, name, source, level, budget: outer.budget }, options);
  } catch (fault) {
    options.report(explained(fault, path, options));
    return [];
  }
}

async function readMembers(
  { path, source }: Archive,
  options: ReadOptions,
  pass: (passing: PassingMember) => Promise<void>,
): Promise<void> {
  const format = await formatAt(source);
  if (format === undefined) {
    throw new PackferryError('E_PACK_INVALID', `${path}: no zip or tar archive`, {
      hint: 'Download or copy it again, or give it another name if it is none.',
    });
  }
  if (format === 'zip') await readZip(source, options, pass);
  else await readTar(source, format === 'tar.gz', options, pass);
}

function formatAt(source: ArchiveSource): Promise<ArchiveFormat | undefined> {
  return source.withAccess(async (access) => formatOf(await access.readAt(0, tarBlock)));
}

/** Does the archive hold this pack, as a build writes it, and nothing above it? */
function isBuilt({ identity, builtMetadata }: FoundPack, root: Place): boolean {
  return builtMetadata !== undefined && identity === root.identity;
}

/** Whatever the libraries say about an archive, with its name. */
function explained(fault: unknown, path: string, { signal }: FindOptions): PackferryError {
  signal?.throwIfAborted();
  if (fault instanceof PackferryError) return fault;
  const hint = ['EACCES', 'EPERM'].includes(systemCodeOf(fault) ?? '')
    ? 'Give your account the right to read it, or run as one that has it.'
    : 'Download or copy the archive again.';
  const message = `${path}: the archive cannot be read: ${messageOf(fault)}`;
  return new PackferryError('E_PACK_INVALID', message, { hint, cause: fault });
}
