import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import pLimit from 'p-limit';
import { messageOf } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { limits } from '../../core/limits.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { readFile, unreadable } from '../read-file.ts';
import { listMetadata, type MetadataFolder } from './folder.ts';
import { decodeIndex, encodeIndex, type IndexKey } from './index-file.ts';
import { IndexBuilder, type MetadataIndex } from './metadata-index.ts';
import { parseMetadata, type ImageMetadata } from './parse.ts';

export interface IndexOptions {
  /** Where indexes are kept between runs; it may be missing. */
  readonly cacheFolder: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Files that are read at the same time. */
const concurrency = 16;

/**
 * The index of a folder of image metadata: the kept one while the folder is as it was, otherwise a new one. That the
 * cache cannot be read or written costs time and nothing else; the latter is told in a note. Throws as `listMetadata`.
 */
export async function openIndex(folder: string, options: IndexOptions): Promise<MetadataIndex> {
  const root = await realpath(folder).catch((fault: unknown) => {
    throw unreadable(folder, 'E_IO', fault);
  });
  const listed = await listMetadata(root, options.signal);
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const file = path.join(options.cacheFolder, `image-metadata-${name}.index`);
  const key = { folder: root, fingerprint: listed.fingerprint };
  const known = await readIndex(file, key);
  if (known !== undefined) return known;
  const made = await buildIndex(root, listed, options);
  await writeIndex(file, encodeIndex(made, key)).catch((fault: unknown) => {
    const message = `the index is not kept for the next search: ${messageOf(fault)}`;
    options.emit({ type: 'note', level: 'warning', message });
  });
  return made;
}

/** Undefined when there is none, or one that is damaged, of another version or of another state of the folder. */
async function readIndex(file: string, key: IndexKey): Promise<MetadataIndex | undefined> {
  try {
    return decodeIndex(await readFile(file, { code: 'E_IO', maxBytes: limits.imageMetadataIndex }), key);
  } catch {
    return undefined;
  }
}

async function buildIndex(
  root: string,
  { files }: MetadataFolder,
  { emit, signal }: IndexOptions,
): Promise<MetadataIndex> {
  const task = 'scan';
  const item = root;
  emit({ type: 'started', task, item });
  const limit = pLimit(concurrency);
  const read = async (file: string): Promise<ImageMetadata | undefined> => {
    signal.throwIfAborted();
    try {
      const options = { code: 'E_IO', maxBytes: limits.imageMetadata, signal } as const;
      return parseMetadata((await readFile(path.join(root, file), options)).toString('utf8'));
    } catch {
      // One that cannot be read is skipped and counted like one that makes no sense.
      signal.throwIfAborted();
      return undefined;
    }
  };
  const builder = new IndexBuilder();
  const ordered = [...files.filter((file) => !isLast(file)), ...files.filter(isLast)];
  // In batches: what has been indexed need not stay in memory.
  const batch = 512;
  for (let start = 0; start < ordered.length; start += batch) {
    const names = ordered.slice(start, start + batch);
    const found = await Promise.all(names.map((file) => limit(read, file)));
    for (const [at, metadata] of found.entries()) {
      if (metadata === undefined) builder.skip(names[at] ?? '');
      else builder.add(metadata);
    }
  }
  emit({ type: 'done', task, item, detail: `${files.length} files` });
  emit({ type: 'finished', task });
  return builder.finish();
}

function isLast(file: string): boolean {
  return path.basename(file) === 'last.md';
}

/** Appears under its name only when it is whole. */
async function writeIndex(file: string, content: Uint8Array): Promise<void> {
  await makeFolder(path.dirname(file), (folder) => mkdir(folder, 0o700));
  const part = `${file}.${randomBytes(8).toString('hex')}.part`;
  try {
    const handle = await open(part, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (fault) {
    await rm(part, { force: true });
    throw fault;
  }
}
