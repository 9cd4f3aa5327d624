import type { PackferryError } from './errors.ts';
import type { ServedRequest } from './served.ts';

/** What a run is busy with. An item (a blob, an image, a file) belongs to one task. */
export type Task = 'scan' | 'resolve' | 'pull' | 'sign' | 'verify' | 'lend' | 'build' | 'deliver';

/**
 * What long work tells while it runs. Flows emit these and never print; renderers in `cli` decide what is shown.
 * All sizes are bytes; `progress` is absolute per item. An item that starts anew is `started` once more and goes on from
 * its `present`. `target` is the endpoint that an item is brought to, where a run has several: then both together name it.
 */
export type Event =
  | { readonly type: 'planned'; readonly task: Task; readonly items: number; readonly bytes: number }
  | {
      readonly type: 'started';
      readonly task: Task;
      readonly item: string;
      readonly target?: string;
      /** What the item is, in words for people, where its name does not say so: `layer of demisto/python3:3.12`. */
      readonly label?: string;
      readonly bytes?: number;
      /** Bytes of it that were there before: the item goes on from them. */
      readonly present?: number;
    }
  | {
      readonly type: 'progress';
      readonly task: Task;
      readonly item: string;
      readonly target?: string;
      readonly bytes: number;
      /** Of these, bytes that were there before and have only been looked at again. */
      readonly present?: number;
    }
  | {
      readonly type: 'skipped';
      readonly task: Task;
      readonly item: string;
      readonly target?: string;
      readonly label?: string;
      readonly reason: string;
      readonly bytes?: number;
    }
  | {
      readonly type: 'done';
      readonly task: Task;
      readonly item: string;
      readonly target?: string;
      readonly label?: string;
      readonly bytes?: number;
      readonly detail?: string;
    }
  | {
      readonly type: 'failed';
      readonly task: Task;
      readonly item: string;
      readonly target?: string;
      readonly label?: string;
      readonly error: PackferryError;
    }
  | {
      /** Every blob of an image is there. Its bytes are the sum of the three others. */
      readonly type: 'image-complete';
      readonly image: string;
      readonly bytes: number;
      /** Bytes that this run fetched for it. Each fetched byte counts for one image, the first to be complete with it. */
      readonly fetched: number;
      /** Bytes that an earlier run had brought. */
      readonly present: number;
      /** Bytes that it shares with images that were complete before it. */
      readonly shared: number;
    }
  | { readonly type: 'finished'; readonly task: Task }
  | {
      /** Nothing moves for `what` (an image, a blob, a host) before `until`: a server asked for patience, or a fault may pass. */
      readonly type: 'waiting';
      readonly what: string;
      /** Why, in words for people: the fault, or what the server said. */
      readonly reason: string;
      readonly milliseconds: number;
      /** When it goes on: ISO 8601, UTC. */
      readonly until: string;
    }
  /** A registry is up, and takes requests at this URL. */
  | { readonly type: 'serving'; readonly url: string; readonly images: number }
  | ({ readonly type: 'request' } & ServedRequest)
  /** Details are for those who ask for them. */
  | { readonly type: 'note'; readonly level: 'detail' | 'info' | 'warning'; readonly message: string };

/** Where events go. Must return quickly and never throw. */
export type Emit = (event: Event) => void;

/** Waits from this length on (3 s) are told; shorter ones nobody would notice. */
export const toldWait = 3_000;

/** Tells that nothing moves for `what` for so many milliseconds, when that is more than a moment. */
export function tellWait(emit: Emit, what: string, message: string, milliseconds: number): void {
  if (milliseconds < toldWait) return;
  const reason = message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
  const until = new Date(Date.now() + milliseconds).toISOString();
  emit({ type: 'waiting', what, reason, milliseconds: Math.round(milliseconds), until });
}

/** For callers that do not care. */
export const silent: Emit = () => undefined;
