import type { PackferryError } from './errors.ts';

/** What a run is busy with. An item (a blob, an image, a file) belongs to one task. */
export type Task = 'scan' | 'resolve' | 'pull' | 'sign' | 'verify' | 'deliver';

/**
 * What long work tells while it runs. Flows emit these and never print; renderers in `cli` decide what is shown.
 * All sizes are bytes; `progress` is absolute per item and never falls.
 */
export type Event =
  | { readonly type: 'planned'; readonly task: Task; readonly items: number; readonly bytes: number }
  | {
      readonly type: 'started';
      readonly task: Task;
      readonly item: string;
      readonly bytes?: number;
      /** Bytes of it that were there before: the item goes on from them. */
      readonly present?: number;
    }
  | { readonly type: 'progress'; readonly task: Task; readonly item: string; readonly bytes: number }
  | {
      readonly type: 'skipped';
      readonly task: Task;
      readonly item: string;
      readonly reason: string;
      readonly bytes?: number;
    }
  | {
      readonly type: 'done';
      readonly task: Task;
      readonly item: string;
      readonly bytes?: number;
      readonly detail?: string;
    }
  | { readonly type: 'failed'; readonly task: Task; readonly item: string; readonly error: PackferryError }
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
  | { readonly type: 'note'; readonly level: 'info' | 'warning'; readonly message: string };

/** Where events go. Must return quickly and never throw. */
export type Emit = (event: Event) => void;

/** For callers that do not care. */
export const silent: Emit = () => undefined;
