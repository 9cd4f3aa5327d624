import { hash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import { historyRecord, type HistoryRecord, type NewRecord } from '../schema/history.ts';

/** What the first record names as the sha256 of the one before. */
export const noRecord = '0'.repeat(64);

/** What every line ends with: the sha256 of the JSON text without it. */
const seal = /,"sha256":"([0-9a-f]{64})"\}$/;

/** A line with its newline, and the sha256 that the next one names. */
export interface HistoryLine {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** A record that was read from its line. */
export interface ReadRecord {
  readonly record: HistoryRecord;
  readonly sha256: string;
}

/** Writes a record behind the one whose sha256 is `previous`. */
export function formatHistoryLine(previous: string, record: NewRecord): HistoryLine {
  const body = JSON.stringify({ previous, ...record });
  const sha256 = hashOf(body);
  return { bytes: Buffer.from(`${body.slice(0, -1)},"sha256":"${sha256}"}\n`), sha256 };
}

/**
 * Reads a line without its newline: its own sha256 first, so that damage is told from strangeness, then that it follows
 * `previous`. `E_STATE_INVALID` names `where`.
 */
export function readHistoryLine(line: Buffer, previous: string, where: string): ReadRecord {
  const text = line.toString('utf8');
  const [tail = '', sha256 = ''] = seal.exec(text) ?? [];
  if (tail === '') throw damagedHistory(where, 'it does not end as records do');
  const body = `${text.slice(0, -tail.length)}}`;
  if (hashOf(body) !== sha256) throw damagedHistory(where, 'it is not what was written: its sha256 differs');
  const record = parseRecord(body, where);
  if (record.previous !== previous) {
    throw damagedHistory(where, 'it does not follow the record before: records were removed or added');
  }
  if ((record.kind === 'began') !== (previous === noRecord)) {
    throw damagedHistory(where, 'a history begins once, with its first record');
  }
  return { record, sha256 };
}

/** JSON exactly as it is written here: that leaves no room for keys that stand twice, and is checked in a moment. */
function parseRecord(body: string, where: string): HistoryRecord {
  try {
    const value: unknown = JSON.parse(body);
    if (JSON.stringify(value) === body) return historyRecord.parse(value);
  } catch (cause) {
    throw damagedHistory(where, 'no record that this version knows', cause);
  }
  throw damagedHistory(where, 'no record as packferry writes it');
}

/** The error for a history that cannot be believed. */
export function damagedHistory(where: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError(
    'E_STATE_INVALID',
    `${where}: the history of accepted bundles is damaged: ${why}`,
    {
      hint: 'Nothing is accepted on it. Copy the second copy back if there is one; otherwise "packferry history --recover REASON" keeps the records before the damage, and puts the damaged file aside.',
      cause,
    },
  );
}

function hashOf(body: string): string {
  return hash('sha256', body);
}
