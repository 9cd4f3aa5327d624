import type { Acceptance } from '../schema/history.ts';
import type { Fold } from './history.ts';

/** What a history tells of one stream. */
export interface StreamSummary {
  readonly stream: string;
  /** The acceptance that newer bundles must not be older than; undefined after a reset. */
  readonly highest: Acceptance | undefined;
  /** How many were accepted, in all. */
  readonly accepted: number;
  /** How many of them were older than one before. */
  readonly rollbacks: number;
}

export interface HistorySummary {
  readonly records: number;
  /** In the order of their names. */
  readonly streams: readonly StreamSummary[];
  /** The latest acceptances of the stream that was asked for, the last one last. */
  readonly latest: readonly Acceptance[];
}

/** Sums a history up; of `stream` the latest `most` acceptances are kept. */
export function summaryOfHistory(stream: string | undefined, most: number): Fold<HistorySummary> {
  let records = 0;
  const streams = new Map<string, StreamSummary>();
  const latest: Acceptance[] = [];
  return {
    take: (record) => {
      records += 1;
      if (record.kind !== 'accepted' && record.kind !== 'reset') return;
      const before = streams.get(record.stream) ?? emptyOf(record.stream);
      if (record.kind === 'reset') {
        streams.set(record.stream, { ...before, highest: undefined });
        return;
      }
      streams.set(record.stream, {
        ...before,
        highest: record.sequence > (before.highest?.sequence ?? -1) ? record : before.highest,
        accepted: before.accepted + 1,
        rollbacks: before.rollbacks + (record.rollback === undefined ? 0 : 1),
      });
      if (record.stream !== stream) return;
      latest.push(record);
      if (latest.length > most) latest.shift();
    },
    result: () => ({
      records,
      streams: [...streams.values()].sort((one, other) => (one.stream < other.stream ? -1 : 1)),
      latest,
    }),
  };
}

function emptyOf(stream: string): StreamSummary {
  return { stream, highest: undefined, accepted: 0, rollbacks: 0 };
}
