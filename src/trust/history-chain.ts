import { constants, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { HistoryRecord } from '../schema/history.ts';
import { damagedHistory, noRecord, readHistoryLine } from './history-line.ts';
import { LineReader } from './line-reader.ts';
import { readSmallFile } from './read-file.ts';

/** The file of a state folder that tells what was accepted. Lines are only ever added to it. */
export const historyFile = 'history.jsonl';

/** Beside it: the line that is being added, so that one that a crash has cut off can be completed with certainty. */
export const pendingFile = 'history.pending';

/** Where a history ends. */
export interface ChainEnd {
  readonly records: number;
  /** Of the last record; `noRecord` when there is none. */
  readonly sha256: string;
  /** What a crash has kept from being written; to be added before anything else. Empty nearly always. */
  readonly torn: Buffer;
  /** Is there a file at all? */
  readonly exists: boolean;
}

export const absentChain: ChainEnd = {
  records: 0,
  sha256: noRecord,
  torn: Buffer.alloc(0),
  exists: false,
};

/**
 * Reads the history in a folder, and checks every record and that each follows the one before. A line that a crash has
 * cut off counts as whole when `history.pending` of `stateDir` has all of it; otherwise, and for every other damage,
 * `E_STATE_INVALID`. A file that is certainly absent is an empty chain; `E_STATE_UNUSABLE` when it cannot be read.
 */
export async function readChain(
  dir: string,
  stateDir: string,
  onRecord: (record: HistoryRecord) => void,
): Promise<ChainEnd> {
  const file = path.join(dir, historyFile);
  const handle = await openHistory(file);
  if (handle === undefined) return absentChain;
  try {
    if (!(await handle.stat()).isFile()) throw unusable(file, 'it is not a regular file');
    return await readAll(new LineReader(handle, file), file, stateDir, onRecord);
  } catch (cause) {
    throw cause instanceof PackferryError ? cause : unusable(file, messageOf(cause), cause);
  } finally {
    await handle.close();
  }
}

async function openHistory(file: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw unusable(file, messageOf(cause), cause);
  }
}

async function readAll(
  reader: LineReader,
  file: string,
  stateDir: string,
  onRecord: (record: HistoryRecord) => void,
): Promise<ChainEnd> {
  let [records, sha256] = [0, noRecord];
  const take = (line: Buffer): void => {
    const read = readHistoryLine(line, sha256, `${file}:${records + 1}`);
    onRecord(read.record);
    records += 1;
    sha256 = read.sha256;
  };
  for (;;) {
    for (let line = await reader.next(); line !== undefined; line = await reader.next()) take(line);
    const { fragment } = reader;
    if (fragment.length === 0 && records > 0) return { records, sha256, torn: fragment, exists: true };
    const pending = await readPending(stateDir, sha256);
    if (pending?.subarray(0, fragment.length).equals(fragment) === true) {
      take(pending.subarray(0, -1));
      return { records, sha256, torn: pending.subarray(fragment.length), exists: true };
    }
    // Whoever was writing it may have finished in between.
    const line = await reader.next();
    if (line === undefined) throw damagedHistory(`${file}:${records + 1}`, cutOff(fragment));
    take(line);
  }
}

function cutOff(fragment: Buffer): string {
  return fragment.length === 0 ? 'it is empty' : 'it is cut off';
}

/** The line that is being added behind `previous`, with its newline; undefined when there is none, or another one. */
export async function readPending(stateDir: string, previous: string): Promise<Buffer | undefined> {
  const file = path.join(stateDir, pendingFile);
  try {
    const { bytes } = await readSmallFile(file, {
      maxBytes: limits.historyLine,
      code: 'E_STATE_UNUSABLE',
      hint: '',
    });
    readHistoryLine(bytes.subarray(0, -1), previous, file);
    return bytes.at(-1) === 10 ? bytes : undefined;
  } catch {
    // It proves something or nothing: a crash may have cut it off as well.
    return undefined;
  }
}

/** The error for a history that cannot be read or written. */
export function unusable(file: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_STATE_UNUSABLE', `${file}: ${why}`, {
    hint: 'Packferry keeps there what it has accepted. Make it accessible to this user. Another folder (--state DIR) knows nothing of it.',
    cause,
  });
}
