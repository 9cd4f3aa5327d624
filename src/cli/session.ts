import type { Emit } from '../core/events.ts';
import type { PackferryError } from '../core/errors.ts';
import type { Context } from './context.ts';
import type { ProgressKind } from './progress/kinds.ts';

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly progress: ProgressKind | false;
}

/** What a command's action gets: the world, where events go, and where its result goes. */
export interface Session {
  readonly context: Context;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Ends the animation, for a prompt. */
  readonly pause: () => void;
}

/** What a command hands back: its report for `--json`, the same for people, and the failures that it met. */
export interface Outcome {
  readonly report: unknown;
  /** Lines for stdout. */
  readonly text: string;
  /** The text is for programs, such as a patch, and must stay as it is. */
  readonly raw?: boolean;
  /** Closing lines for stderr: what happened, where, what to do next. Left out with `--quiet`. */
  readonly summary?: string;
  readonly errors?: readonly PackferryError[];
}

/** One verb of the command line. */
export type Action<Options> = (
  session: Session,
  args: readonly string[],
  options: Options,
) => Promise<Outcome>;
