import type { Acceptance, HistoryRecord } from '../schema/history.ts';
import { readHistory, type Fold, type HistoryPlace, type ReadHistory } from './history.ts';

/** What a history tells of one stream, as far as a bundle of it is to be judged. */
export interface Past {
  /** Was anything ever accepted here, of whatever stream? */
  readonly isFirstUse: boolean;
  /** The latest time that was recorded; the clock is not far behind it. */
  readonly lastAt: Date | undefined;
  /** The acceptance with the highest sequence, since the stream was reset. */
  readonly highest: Acceptance | undefined;
  /** The one that came last. */
  readonly last: Acceptance | undefined;
  /** Those with the sequence of the bundle. */
  readonly same: readonly Acceptance[];
}

/** What is known where nothing is remembered. */
export const noPast: Past = {
  isFirstUse: true,
  lastAt: undefined,
  highest: undefined,
  last: undefined,
  same: [],
};

/** Reads what matters for a bundle of this stream with this sequence. Errors as `readHistory`. */
export function readPast(place: HistoryPlace, stream: string, sequence: number): Promise<ReadHistory<Past>> {
  return readHistory(place, () => pastOf(stream, sequence));
}

function pastOf(stream: string, sequence: number): Fold<Past> {
  let past = noPast;
  return {
    result: () => past,
    take: (record) => {
      past = { ...after(past, record, stream, sequence), lastAt: laterOf(past.lastAt, record) };
    },
  };
}

/** Clocks that lag a little now and then must not walk back step by step: the latest counts, until somebody says otherwise. */
function laterOf(before: Date | undefined, { kind, at }: HistoryRecord): Date {
  const time = new Date(at);
  return kind === 'clock' || before === undefined || time > before ? time : before;
}

function after(past: Past, record: HistoryRecord, stream: string, sequence: number): Past {
  if (record.kind === 'reset' && record.stream === stream)
    return { ...past, highest: undefined, last: undefined, same: [] };
  if (record.kind !== 'accepted') return past;
  const seen = { ...past, isFirstUse: false };
  if (record.stream !== stream) return seen;
  const { highest } = past;
  return {
    ...seen,
    highest: highest === undefined || record.sequence > highest.sequence ? record : highest,
    last: record,
    same: record.sequence === sequence ? [...past.same, record] : past.same,
  };
}
