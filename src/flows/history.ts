import path from 'node:path';
import { withHistoryLock } from '../bundle/accept.ts';
import type { Owner } from '../bundle/lock-file.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Acceptance, NewRecord } from '../schema/history.ts';
import { reportVersion } from '../schema/reports.ts';
import type { HistoryReport } from '../schema/reports-history.ts';
import { historyFile } from '../trust/history-chain.ts';
import { recoverHistory, type Recovered } from '../trust/history-recover.ts';
import { summaryOfHistory } from '../trust/history-streams.ts';
import { addRecord, readHistory, type HistoryPlace } from '../trust/history.ts';

export interface ChangeOptions {
  readonly place: HistoryPlace;
  readonly owner: Owner;
  readonly now: Date;
  /** Why: it is kept. */
  readonly reason: string;
}

/** Of one stream, this many of the latest acceptances are shown. */
const mostShown = 50;

/** Checks the whole history, and tells what it says of every stream, or of one. Errors as `readHistory`. */
export async function showHistory(place: HistoryPlace, stream?: string): Promise<HistoryReport> {
  const { value, end } = await readHistory(place, () => summaryOfHistory(stream, mostShown));
  if (stream !== undefined && !value.streams.some((one) => one.stream === stream)) {
    throw unknownStream(stream, value.streams);
  }
  return {
    schemaVersion: reportVersion,
    file: path.join(place.dir, historyFile),
    ...(place.copy === undefined ? {} : { copy: path.join(place.copy, historyFile) }),
    records: value.records,
    ...(end.exists ? { sha256: end.sha256 } : {}),
    streams: value.streams
      .filter((one) => stream === undefined || one.stream === stream)
      .map(({ highest, ...one }) => ({
        ...one,
        ...(highest === undefined ? {} : { highest: shown(highest) }),
      })),
    ...(stream === undefined ? {} : { latest: value.latest.map(shown) }),
  };
}

function shown({ sequence, sumsSha256, createdAt, at, signers, rollback }: Acceptance): ShownAcceptance {
  const acceptance = { sequence, sumsSha256, createdAt, acceptedAt: at, signers };
  return rollback === undefined ? acceptance : { ...acceptance, rollback };
}

type ShownAcceptance = NonNullable<HistoryReport['latest']>[number];

/** From now on the next bundle of a stream is its first. `E_USAGE` for a stream that is not known. */
export async function resetStream(stream: string, options: ChangeOptions): Promise<void> {
  await add(options, stream, {
    kind: 'reset',
    at: options.now.toISOString(),
    stream,
    reason: options.reason,
  });
}

/** From now on the clock may be anything that is not before now. */
export async function resetClock(options: ChangeOptions): Promise<void> {
  await add(options, undefined, { kind: 'clock', at: options.now.toISOString(), reason: options.reason });
}

async function add(
  { place, owner }: ChangeOptions,
  stream: string | undefined,
  record: NewRecord,
): Promise<void> {
  await withHistoryLock(place, owner, async () => {
    const read = await readHistory(place, () => summaryOfHistory(undefined, 0));
    if (stream !== undefined && !read.value.streams.some((one) => one.stream === stream))
      throw unknownStream(stream, read.value.streams);
    await addRecord(place, read, record);
  });
}

/** Keeps what stands before the damage of a history. `E_USAGE` when there is none. */
export async function recover({ place, owner, now, reason }: ChangeOptions): Promise<Recovered> {
  const { dir } = place;
  return withHistoryLock({ dir }, owner, async () => {
    const fault = await readHistory({ dir }, () => summaryOfHistory(undefined, 0)).then(
      () => undefined,
      asPackferryError,
    );
    if (fault === undefined) {
      throw new PackferryError('E_USAGE', `${path.join(dir, historyFile)} is not damaged`, {
        hint: 'To start one stream anew: packferry history STREAM --reset REASON.',
      });
    }
    if (fault.code === 'E_STATE_INVALID') return recoverHistory(dir, reason, now);
    throw fault;
  });
}

function unknownStream(stream: string, known: readonly { readonly stream: string }[]): PackferryError {
  const names = known.map((one) => one.stream).join(', ');
  return new PackferryError('E_USAGE', `no bundle of ${JSON.stringify(stream)} was accepted here`, {
    hint: names === '' ? 'Nothing was accepted here so far.' : `Known are: ${names}.`,
  });
}
