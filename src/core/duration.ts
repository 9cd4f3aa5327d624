import { PackferryError } from './errors.ts';

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Reads a time span such as `12h`, `90d` or `4w`, in seconds. Throws `E_USAGE` for anything else and for zero. */
export function parseDuration(text: string): number {
  return secondsIn(text, 'hdw', 'Write whole hours, days or weeks, for instance 12h, 90d or 4w.');
}

/** Reads how long to wait for something, such as `90s`, `10m` or `6h`, in seconds. Throws `E_USAGE`. */
export function parseWait(text: string): number {
  return secondsIn(text, 'smhd', 'Write whole seconds, minutes, hours or days, for instance 90s, 10m or 6h.');
}

function secondsIn(text: string, units: string, hint: string): number {
  const [, amount = '', unit = ''] = /^([1-9][0-9]{0,4})([a-z])$/.exec(text) ?? [];
  const seconds = units.includes(unit) ? Number(amount) * (secondsOf[unit] ?? 0) : 0;
  if (seconds > 0) return seconds;
  throw new PackferryError('E_USAGE', `${JSON.stringify(text)} is no time span`, { hint });
}
