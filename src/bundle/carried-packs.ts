import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder, writeWhole } from '../archive/atomic-file.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { makeFolder } from '../core/make-folder.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { atMost, openBundleStream } from './folder.ts';
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
    const sha256 = await copyHashed(pack.zip, path.join(folder, name));
    entries.set(name, { id: pack.id, version: pack.version, file: packPath(name), sha256 });
  }
  await syncFolder(folder);
  return [...entries.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

async function copyHashed(zip: string, file: string): Promise<string> {
  const hash = createHash('sha256');
  await writeWhole(file, hashing(zip, hash));
  return hash.digest('hex');
}

/** The zip is opened with the first byte that is wanted: where nothing can be written, nothing is left open. */
async function* hashing(zip: string, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(zip) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // An import would refuse it.
      if (bytes > limits.carriedPack) throw new Error(`it is over the limit of ${limits.carriedPack} bytes`);
      hash.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    throw new PackferryError('E_PACK_INVALID', `${zip} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Writes the packs of a verified bundle into a folder, ready for upload. Every byte is hashed once more on the way, and a
 * file appears under its name only when it is good. An older file of the same name is replaced. Returns the paths.
 */
export async function extractPacks(
  bundle: { readonly dir: string; readonly document: Pick<BundleDocument, 'packs'> },
  folder: string,
): Promise<string[]> {
  await makeFolder(folder, mkdir);
  const written: string[] = [];
  for (const { file, sha256 } of bundle.document.packs) {
    const target = path.join(folder, path.basename(file));
    await writeWhole(target, exactly(bundle.dir, file, sha256));
    written.push(target);
  }
  await syncFolder(folder);
  return written;
}

/** The content of a file, opened with the first byte that is wanted. Throws at its end when it was not what was signed. */
async function* exactly(dir: string, name: string, sha256: string): AsyncGenerator<Buffer> {
  const content = await openBundleStream(dir, name, atMost(name, limits.carriedPack));
  const hash = createHash('sha256');
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
  const got = hash.digest('hex');
  if (got !== sha256) throw damaged(name, sha256, got);
}
