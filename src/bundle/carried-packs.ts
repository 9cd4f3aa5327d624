import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder, writeWhole } from '../archive/atomic-file.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { openBundleFile } from './folder.ts';
import { packFolder, packPath } from './names.ts';
import { damaged } from './signed-list.ts';

/** A content pack that a bundle is to carry: a zip file as it can be uploaded to a server. */
export interface CarriedPack {
  readonly id: string;
  readonly version: string;
  /** The zip file on this machine. */
  readonly zip: string;
}

type PackEntry = BundleDocument['packs'][number];

/** The names of packs as files: letters, digits, dot, dash, underscore. */
function fileNameOf({ id }: CarriedPack): string {
  return `${id.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^[^A-Za-z0-9_]/, '_')}.zip`;
}

/**
 * Copies packs into a bundle, hashed on the way, in the order of their names. What an interrupted run left there is
 * written anew. Throws `E_PACK_INVALID` when two packs would have one name.
 */
export async function writePacks(dir: string, packs: readonly CarriedPack[]): Promise<PackEntry[]> {
  const folder = path.join(dir, packFolder);
  await rm(folder, { recursive: true, force: true });
  if (packs.length === 0) return [];
  await mkdir(folder);
  const entries = new Map<string, PackEntry>();
  for (const pack of packs) {
    const name = fileNameOf(pack);
    if (entries.has(name)) {
      throw new PackferryError(
        'E_PACK_INVALID',
        `two packs are called ${pack.id}: ${pack.zip} is the second`,
        {
          hint: 'A bundle carries one version of a pack.',
        },
      );
    }
    const sha256 = await copyHashed(createReadStream(pack.zip), path.join(folder, name), pack.zip);
    entries.set(name, { id: pack.id, version: pack.version, file: packPath(name), sha256 });
  }
  await syncFolder(folder);
  return [...entries.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

async function copyHashed(content: AsyncIterable<Buffer>, file: string, name: string): Promise<string> {
  const hash = createHash('sha256');
  await writeWhole(file, hashing(content, hash, name));
  return hash.digest('hex');
}

async function* hashing(
  content: AsyncIterable<Buffer>,
  hash: ReturnType<typeof createHash>,
  name: string,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    throw new PackferryError('E_PACK_INVALID', `${name} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** sha256 in hex of a file of the bundle, whatever its size. */
export async function hashBundleFile(dir: string, name: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await openBundleFile(dir, name);
  for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * Writes the packs of a verified bundle into a folder, ready for upload. Every byte is hashed once more on the way, and a
 * file appears under its name only when it is good. An older file of the same name is replaced. Returns the paths.
 */
export async function extractPacks(
  bundle: { readonly dir: string; readonly document: Pick<BundleDocument, 'packs'> },
  folder: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const { file, sha256 } of bundle.document.packs) {
    const handle = await openBundleFile(bundle.dir, file);
    const target = path.join(folder, path.basename(file));
    await writeWhole(target, exactly(handle.createReadStream(), sha256, file));
    written.push(target);
  }
  await syncFolder(folder);
  return written;
}

/** Passes content on, and throws at its end when it was not what was signed. */
async function* exactly(
  content: AsyncIterable<Buffer>,
  sha256: string,
  name: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  const got = hash.digest('hex');
  if (got !== sha256) throw damaged(name, sha256, got);
}
