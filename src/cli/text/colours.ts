import type { Context } from '../context.ts';

export interface Colours {
  readonly red: (text: string) => string;
  readonly bold: (text: string) => string;
}

/** Colours for messages on stderr: on a terminal that has them, unless NO_COLOR says otherwise (no-color.org). */
export function colours(context: Pick<Context, 'env' | 'stderr'>): Colours {
  const { env, stderr } = context;
  const forced = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0';
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  const wanted = !refused && (forced || stderr.isTTY === true);
  const wrap = (start: number, end: number) => (text: string) =>
    wanted ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return { red: wrap(31, 39), bold: wrap(1, 22) };
}
