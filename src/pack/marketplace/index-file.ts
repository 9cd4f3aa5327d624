import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { readFile } from '../read-file.ts';
import { onDisk, partOf, type Bucket } from './bucket.ts';
import { refuseAborted } from './fault.ts';
import type { FilledOptions } from './options.ts';
import { PackIndex } from './pack-index.ts';
import { isAbsence } from './refusal.ts';

/** What is noted about the index in the cache: which version it is, and which bytes. */
const noteSchema = z.object({ tag: z.string(), sha256: z.string() });

const item = 'index.zip';

/**
 * Opens the index of a marketplace. It is downloaded into `folder`, unless the one that lies there already is what the
 * server has; the server is asked in any case.
 */
export async function openIndex(bucket: Bucket, folder: string, options: FilledOptions): Promise<PackIndex> {
  const { emit, signal } = options;
  const what = `${bucket.name}/index.zip`;
  const file = path.join(folder, 'index.zip');
  const note = path.join(folder, 'index.json');
  const knownTag = await knownTagOf(file, note, signal);
  let opened: PackIndex | undefined;
  emit({ type: 'started', task: 'pull', item });
  try {
    const got = await bucket.download({
      url: 'index.zip',
      file,
      what,
      knownTag,
      maxBytes: limits.marketplaceIndex,
      onBytes: (bytes) => emit({ type: 'progress', task: 'pull', item, bytes }),
      // The open archive stays the same when the file is renamed, and even when another run replaces it.
      check: async (part) => {
        opened = await PackIndex.open(part, what, signal);
      },
    });
    if (got === undefined) {
      opened = await PackIndex.open(file, what, signal);
      emit({ type: 'skipped', task: 'pull', item, reason: 'it has not changed' });
      return opened;
    }
    if (got.tag !== undefined) await keepNote(note, { tag: got.tag, sha256: got.sha256 });
    emit({ type: 'done', task: 'pull', item, bytes: got.bytes });
    if (opened === undefined) throw new PackferryError('E_INTERNAL', `${what}: not looked at`);
    return opened;
  } catch (fault) {
    opened?.close();
    refuseAborted(signal, what);
    const error = explained(asPackferryError(fault), what);
    emit({ type: 'failed', task: 'pull', item, error });
    throw error;
  }
}

/** The tag of the index in the cache, if it is still what was downloaded under this tag. */
async function knownTagOf(
  file: string,
  note: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const maxBytes = 4096;
  try {
    const bytes = await readFile(note, { code: 'E_IO', maxBytes, signal });
    const { tag, sha256 } = noteSchema.parse(parseStrictJson(bytes, { name: note, maxBytes }));
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash, signal === undefined ? {} : { signal });
    return hash.digest('hex') === sha256 ? tag : undefined;
  } catch {
    // Whatever is wrong with the cache: what it cannot give is downloaded.
    return undefined;
  }
}

/** Notes the tag, after the index itself: a note of something that is not there is of no harm. */
async function keepNote(note: string, content: z.infer<typeof noteSchema>): Promise<void> {
  const part = partOf(note);
  try {
    await onDisk(note, () => writeFile(part, JSON.stringify(content)));
    await onDisk(note, () => rename(part, note));
  } finally {
    await rm(part, { force: true });
  }
}

function explained(error: PackferryError, what: string): PackferryError {
  if (!isAbsence(error)) return error;
  return new PackferryError(error.code, `${error.message}: no marketplace there`, {
    hint: `Check the address: ${what} should be there.`,
    cause: error.cause,
  });
}
