import { PackferryError } from './errors.ts';

const secondsOf: Readonly<Record<string, number>> = { h: 3600, d: 86_400, w: 604_800 };

/** Reads a time span such as `12h`, `90d` or `4w`, in seconds. Throws `E_USAGE` for anything else and for zero. */
export function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^([1-9][0-9]{0,4})([hdw])$/.exec(text) ?? [];
  const seconds = Number(amount) * (secondsOf[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new PackferryError('E_USAGE', `${JSON.stringify(text)} is no time span`, {
    hint: 'Write whole hours, days or weeks, for instance 12h, 90d or 4w.',
  });
}
