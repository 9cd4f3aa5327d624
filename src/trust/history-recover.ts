import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError } from '../core/errors.ts';
import { began } from './history.ts';
import { historyFile, pendingFile, unusable } from './history-chain.ts';
import { formatHistoryLine, noRecord, readHistoryLine } from './history-line.ts';
import { LineReader } from './line-reader.ts';

/** What became of a damaged history. */
export interface Recovered {
  /** Where the damaged file lies now. */
  readonly aside: string;
  /** Records that were good, and are kept. */
  readonly kept: number;
}

/**
 * Replaces a damaged history by its records before the damage and one that tells of it; a copy of the damaged file stays
 * beside it. Only for whoever holds the lock. At every moment there is one or the other. `E_STATE_UNUSABLE`.
 */
export async function recoverHistory(dir: string, reason: string, at: Date): Promise<Recovered> {
  const file = path.join(dir, historyFile);
  const aside = `${file}.damaged-${at.toISOString().replaceAll(/[-:]|\.[0-9]+/g, '')}`;
  const part = `${file}.part`;
  try {
    await copyFile(file, aside, constants.COPYFILE_EXCL);
    // Made anew, so that nobody can lay a link in its place.
    await rm(part, { force: true });
    const out = await open(part, 'wx', 0o644);
    let kept: GoodLines;
    try {
      kept = await copyGoodLines(file, (line) => out.writeFile(line));
      const end = kept.records === 0 ? formatHistoryLine(noRecord, began(at.toISOString())) : undefined;
      if (end !== undefined) await out.writeFile(end.bytes);
      const told = formatHistoryLine(end?.sha256 ?? kept.sha256, {
        kind: 'recovered',
        at: at.toISOString(),
        damaged: await hashOfFile(aside),
        reason,
      });
      await out.writeFile(told.bytes);
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(part, file);
    await rm(path.join(dir, pendingFile), { force: true });
    return { aside, kept: kept.records };
  } catch (cause) {
    if (cause instanceof PackferryError) throw cause;
    throw unusable(file, `it could not be recovered: ${messageOf(cause)}`, cause);
  }
}

interface GoodLines {
  readonly records: number;
  readonly sha256: string;
}

async function copyGoodLines(file: string, write: (line: Buffer) => Promise<void>): Promise<GoodLines> {
  const handle = await open(file, 'r');
  let good: GoodLines = { records: 0, sha256: noRecord };
  try {
    const reader = new LineReader(handle, file);
    for (let line = await reader.next(); line !== undefined; line = await reader.next()) {
      const { sha256 } = readHistoryLine(line, good.sha256, file);
      await write(Buffer.concat([line, Buffer.from('\n')]));
      good = { records: good.records + 1, sha256 };
    }
    return good;
  } catch (fault) {
    if (fault instanceof PackferryError && fault.code === 'E_STATE_INVALID') return good;
    throw fault;
  } finally {
    await handle.close();
  }
}

async function hashOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
