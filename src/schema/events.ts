import * as z from 'zod';
import { size } from './parts.ts';
import { errorReport } from './reports.ts';
import { eventVersion } from './versions.ts';

const task = z.enum(['scan', 'resolve', 'pull', 'sign', 'verify', 'lend', 'build', 'deliver']);

/** A line of this type, with what every line has. */
function line<Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) {
  return z.object({
    schemaVersion: z.literal(eventVersion),
    /** When it happened: UTC, with milliseconds. */
    time: z.iso.datetime({ precision: 3 }),
    type: z.literal(type),
    ...shape,
  });
}

/** An item of a task: an image, a blob by its digest, a file, a pack. The label says what it is where its name does not. */
const item = {
  task,
  item: z.string(),
  /** Where it is brought to, where a run has several targets: then both together name it. */
  target: z.string().exactOptional(),
  label: z.string().exactOptional(),
};

/** An error, with those that it sums up. */
const wholeError = z.object({ ...errorReport.shape, errors: z.array(errorReport).exactOptional() });

/** One line that `--progress json` writes to stderr. All sizes are bytes. */
export const eventLine = z.discriminatedUnion('type', [
  line('planned', { task, items: size, bytes: size }),
  line('started', { ...item, bytes: size.exactOptional(), present: size.exactOptional() }),
  line('progress', {
    ...{ task: item.task, item: item.item, target: item.target },
    ...{ bytes: size, present: size.exactOptional() },
  }),
  line('skipped', { ...item, reason: z.string(), bytes: size.exactOptional() }),
  line('done', { ...item, bytes: size.exactOptional(), detail: z.string().exactOptional() }),
  line('failed', { ...item, error: errorReport }),
  line('finished', { task }),
  line('image-complete', { image: z.string(), bytes: size, fetched: size, present: size, shared: size }),
  line('waiting', { what: z.string(), reason: z.string(), milliseconds: z.number(), until: z.string() }),
  /** A registry is up. */
  line('serving', { url: z.string(), images: size }),
  /** It has answered a request; `bytes` of the body went out. Not complete: the answer broke off. */
  line('request', {
    method: z.string(),
    target: z.string(),
    status: z.int(),
    bytes: size,
    milliseconds: size,
    client: z.string(),
    userAgent: z.string().exactOptional(),
    complete: z.boolean(),
  }),
  line('note', { level: z.enum(['detail', 'info', 'warning']), message: z.string() }),
  /** The last line of a run: its exit status, its closing words, and every error. */
  line('ended', {
    status: z.int().min(0).max(255),
    summary: z.string().exactOptional(),
    errors: z.array(wholeError),
  }),
]);
export type EventLine = z.output<typeof eventLine>;
