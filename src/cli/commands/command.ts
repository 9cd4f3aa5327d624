import type { Command } from 'commander';
import type { Action, CommonOptions } from '../session.ts';

/**
 * Turns an action into what commander calls. The action is loaded only when its command runs: help and usage errors
 * do not wait for it.
 */
export type Bind = <Options extends CommonOptions>(
  load: () => Promise<Action<Options>>,
) => (...args: unknown[]) => Promise<void>;

/** Adds one command to the program and returns it. */
export type AddCommand = (program: Command, bind: Bind) => Command;
