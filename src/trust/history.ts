import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { makeFolder } from '../core/make-folder.ts';
import { historySchemaId, type HistoryRecord, type NewRecord } from '../schema/history.ts';
import {
  historyFile,
  pendingFile,
  readChain,
  readPending,
  unusable,
  type ChainEnd,
} from './history-chain.ts';
import { formatHistoryLine, readHistoryLine } from './history-line.ts';

/** Where a site keeps what it has accepted. */
export interface HistoryPlace {
  readonly dir: string;
  /** A folder with a second copy, best on another disk: it shows when the first was deleted or cut short. */
  readonly copy?: string | undefined;
}

/** What was read of a history, and where it ends. */
export interface ReadHistory<T> {
  readonly value: T;
  readonly end: ChainEnd;
  readonly copyEnd: ChainEnd | undefined;
}

/** Makes something of all records, told one by one. */
export interface Fold<T> {
  readonly take: (record: HistoryRecord) => void;
  readonly result: () => T;
}

/**
 * Reads a whole history and checks it, and that its copy says the same. `fold` starts anew when a running import has added
 * to one of the two meanwhile. Errors as `readChain`; `E_STATE_INVALID` too when the copies differ.
 */
export async function readHistory<T>(place: HistoryPlace, fold: () => Fold<T>): Promise<ReadHistory<T>> {
  for (let attempt = 1; ; attempt += 1) {
    const { take, result } = fold();
    const end = await readChain(place.dir, place.dir, take);
    const copyEnd =
      place.copy === undefined ? undefined : await readChain(place.copy, place.dir, () => undefined);
    if (copyEnd === undefined || copyEnd.sha256 === end.sha256 || (await isBehind(place, copyEnd, end)))
      return { value: result(), end, copyEnd };
    if (attempt === 2) throw differ(place, end, copyEnd);
  }
}

/** Does the copy lack just the record that a crash has kept from it? */
async function isBehind({ dir }: HistoryPlace, copyEnd: ChainEnd, end: ChainEnd): Promise<boolean> {
  const pending = await readPending(dir, copyEnd.sha256);
  return (
    pending !== undefined &&
    readHistoryLine(pending.subarray(0, -1), copyEnd.sha256, pendingFile).sha256 === end.sha256
  );
}

function differ({ dir, copy = '' }: HistoryPlace, end: ChainEnd, copyEnd: ChainEnd): PackferryError {
  const [file, second] = [path.join(dir, historyFile), path.join(copy, historyFile)];
  const say = (one: ChainEnd): string => (one.exists ? `has ${one.records} records` : 'is missing');
  return new PackferryError(
    'E_STATE_INVALID',
    `${file} ${say(end)}, its second copy ${second} ${say(copyEnd)}: they do not agree`,
    {
      hint: 'One of them was deleted, cut short or changed, or an import ran without --state-copy. Find out why, then copy the right one, which is nearly always the longer, over the other.',
    },
  );
}

/**
 * Adds a record, synced to disk in both copies before this returns, and begins the history when there is none. Only for
 * whoever holds the lock of the folder; `read` is what was read since. Completes first what a crash has cut off.
 */
export async function addRecord(
  place: HistoryPlace,
  read: Pick<ReadHistory<unknown>, 'end' | 'copyEnd'>,
  record: NewRecord,
): Promise<void> {
  await completeHistory(place, read);
  let previous = read.end.sha256;
  for (const one of read.end.records === 0 ? [began(record.at), record] : [record]) {
    const { bytes, sha256 } = formatHistoryLine(previous, one);
    await writeSynced(path.join(place.dir, pendingFile), bytes, 'w');
    await syncFolder(place.dir);
    for (const dir of foldersOf(place)) await writeSynced(path.join(dir, historyFile), bytes, 'a');
    previous = sha256;
  }
  for (const dir of foldersOf(place)) await syncFolder(dir);
  await rm(path.join(place.dir, pendingFile), { force: true });
}

/** The first record of a new history. */
export function began(at: string): NewRecord {
  return { kind: 'began', schema: historySchemaId, id: randomBytes(16).toString('hex'), at };
}

function foldersOf({ dir, copy }: HistoryPlace): string[] {
  return copy === undefined ? [dir] : [dir, copy];
}

/**
 * Makes the folder of a history, to which it must be possible to write (`E_STATE_UNUSABLE`). That of the copy is not
 * made: a disk that is not mounted must not look like an empty one.
 */
export async function makeFolders({ dir, copy }: HistoryPlace): Promise<void> {
  try {
    await makeFolder(dir, (folder) => mkdir(folder, 0o755));
  } catch (cause) {
    throw unusable(dir, `the folder cannot be made: ${messageOf(cause)}`, cause);
  }
  await checkWritable(dir);
  if (copy === undefined) return;
  const isThere = await stat(copy).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) throw unusable(copy, 'the folder of the second copy is not there: is its disk mounted?');
  await checkWritable(copy);
}

async function checkWritable(dir: string): Promise<void> {
  try {
    await access(dir, constants.W_OK);
  } catch (cause) {
    throw unusable(dir, `nothing can be written there: ${messageOf(cause)}`, cause);
  }
}

/** Writes what a crash has kept from the file or from its copy. Only for whoever holds the lock. */
export async function completeHistory(
  place: HistoryPlace,
  { end, copyEnd }: Pick<ReadHistory<unknown>, 'end' | 'copyEnd'>,
): Promise<void> {
  if (end.torn.length > 0) await writeSynced(path.join(place.dir, historyFile), end.torn, 'a');
  if (place.copy === undefined || copyEnd === undefined) return;
  const behind = copyEnd.sha256 === end.sha256 ? undefined : await readPending(place.dir, copyEnd.sha256);
  const missing = Buffer.concat([copyEnd.torn, behind ?? Buffer.alloc(0)]);
  if (missing.length > 0) await writeSynced(path.join(place.copy, historyFile), missing, 'a');
}

/** Through no link: whoever laid one there could have any file of this user written over. */
async function writeSynced(file: string, bytes: Buffer, flag: 'w' | 'a'): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  const how = flag === 'w' ? O_TRUNC : O_APPEND;
  try {
    const handle = await open(file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | how, 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const why = systemCodeOf(cause) === 'ELOOP' ? 'it is a link' : messageOf(cause);
    throw unusable(file, `it cannot be written: ${why}`, cause);
  }
}

/** Makes a new file in a folder durable; some file systems cannot, and there is nothing more to be done then. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r').catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'EACCES') return undefined;
    throw unusable(dir, messageOf(cause), cause);
  });
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
