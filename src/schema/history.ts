import * as z from 'zod';
import { utcTime } from './parts.ts';

/** The `schema` value of the first record of a history. */
export const historySchemaId = 'packferry.history/v1';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** In words of the operator: why something was done. */
const reason = z.string().min(1).max(500);

const stream = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/);

/** Every record: the sha256 that stands in the record before, and when it was written. */
const head = { previous: sha256, at: utcTime };

/** The first record. Its id makes this history another one than all others. */
const began = z.strictObject({
  ...head,
  kind: z.literal('began'),
  schema: z.literal(historySchemaId),
  id: z.string().regex(/^[0-9a-f]{32}$/),
});

/** A bundle that was found good in every respect, before the first byte of it went to a target. */
const accepted = z.strictObject({
  ...head,
  kind: z.literal('accepted'),
  stream,
  sequence: z.int().nonnegative(),
  sumsSha256: sha256,
  createdAt: utcTime,
  signers: z.array(z.strictObject({ principal: z.string(), fingerprint: z.string() })).max(1000),
  /** Present when a higher sequence had been accepted before. */
  rollback: z.strictObject({ from: z.int().nonnegative(), reason }).exactOptional(),
});

/** From here on the stream counts as new, as after a change of its builder. */
const reset = z.strictObject({ ...head, kind: z.literal('reset'), stream, reason });

/** The clock was wrong before: from here on it counts anew. */
const clock = z.strictObject({ ...head, kind: z.literal('clock'), reason });

/** The records behind the one before were damaged and are lost; the sha256 is that of the damaged file. */
const recovered = z.strictObject({ ...head, kind: z.literal('recovered'), damaged: sha256, reason });

/** One record of `history.jsonl`; its line ends with its own sha256 besides. */
export const historyRecord = z.discriminatedUnion('kind', [began, accepted, reset, clock, recovered]);

export type HistoryRecord = z.infer<typeof historyRecord>;
export type Acceptance = z.infer<typeof accepted>;

/** A record without what ties it to the one before. */
export type NewRecord = HistoryRecord extends infer R
  ? R extends unknown
    ? Omit<R, 'previous'>
    : never
  : never;
