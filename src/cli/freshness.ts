import path from 'node:path';
import type { FreshnessOptions } from '../bundle/freshness.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { FreshnessRules } from '../trust/freshness.ts';
import { historyFile } from '../trust/history-chain.ts';
import type { HistoryPlace } from '../trust/history.ts';
import { warnWhenLoose } from './configured.ts';
import type { Context } from './context.ts';
import type { Session } from './session.ts';
import { stateFolderOf } from './state-folder.ts';

/** Where the memory of this site is. */
export interface StateOptions {
  readonly state?: string;
  readonly stateCopy?: string;
}

/** Options of the commands that judge a bundle by what came before. */
export interface RollbackOptions extends StateOptions {
  readonly allowRollback?: string;
}

/** The history of this site, and its second copy when there is to be one; undefined for users without a home. */
export function historyPlaceOf(context: Context, options: StateOptions): HistoryPlace | undefined {
  const dir = stateFolderOf(context, options.state);
  if (dir === undefined) return undefined;
  const copy = options.stateCopy ?? context.env['PACKFERRY_STATE_COPY'] ?? '';
  if (copy === '') return { dir };
  if (path.resolve(copy) !== path.resolve(dir)) return { dir, copy: path.resolve(copy) };
  throw new PackferryError('E_USAGE', `the second copy of the history would be the first: ${copy}`, {
    hint: 'Name a folder on another disk: --state-copy DIR.',
  });
}

/** What this site remembers, and its rules. */
export type SiteFreshness = FreshnessOptions & { readonly rules: FreshnessRules };

/** What a bundle is judged by; a history that others can write is told. Throws `E_USAGE` for a reason that is none. */
export async function freshnessOf(
  { context, emit }: Pick<Session, 'context' | 'emit'>,
  options: RollbackOptions,
  rules: FreshnessRules,
): Promise<SiteFreshness> {
  const { allowRollback } = options;
  const history = historyPlaceOf(context, options);
  const places = history === undefined ? [] : [history.dir, path.join(history.dir, historyFile)];
  for (const place of places)
    await warnWhenLoose(place, emit, `which holds what was accepted here: chmod go-w ${place}`);
  return {
    history,
    rules,
    ...(allowRollback === undefined
      ? {}
      : { rollbackReason: checkedReason(allowRollback, '--allow-rollback') }),
  };
}

/** A reason that is written down for those who ask later. */
export function checkedReason(text: string, option: string): string {
  const reason = text.trim();
  if (reason !== '' && reason.length <= 500 && !/\p{Cc}/u.test(reason)) return reason;
  throw new PackferryError('E_USAGE', `${option}: a reason is one line of at most 500 characters`, {
    hint: `Say why, for those who read the history later: ${option} "42 breaks playbook X, ticket 1234".`,
  });
}

/** Tells what the history cannot show of a bundle, where that is so. */
export function tellUnknown(
  { document: { name, sequence }, freshness: { standing } }: SignedBundle,
  { history }: FreshnessOptions,
  level: 'info' | 'warning',
  emit: Emit,
): void {
  const bundle = `whether ${name} ${sequence} is the newest`;
  const file = history === undefined ? '' : path.join(history.dir, historyFile);
  const message = {
    unknown: `nothing is remembered here (no home, no --state DIR), so nothing shows ${bundle}`,
    'first-use': `first use: nothing was accepted here before, so nothing shows ${bundle}. If something was, then ${file} is lost, or another user or machine imported it`,
    'first-of-stream': `the first bundle of ${name} here, so nothing shows ${bundle}`,
    newer: undefined,
    again: undefined,
    rollback: undefined,
  }[standing ?? 'unknown'];
  if (message !== undefined) emit({ type: 'note', level, message });
}
