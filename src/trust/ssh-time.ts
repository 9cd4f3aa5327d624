const form = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/;

/**
 * Reads the times of allowed_signers, `YYYYMMDD[HHMM[SS]][Z]` (ssh-keygen(1), "ALLOWED SIGNERS"). Without `Z` it is
 * this machine's standard time, in summer too, for so ssh-keygen reads it. Undefined for anything else: for days that
 * no calendar has (ssh-keygen turns 30 February into 2 March), and for times before 1970, which it refuses.
 */
export function parseSshTime(text: string): Date | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits: string | undefined) => Number(digits ?? 0));
  const asUtc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isReal = asUtc.toISOString().replace(/\D/g, '').startsWith(text.replace('Z', ''));
  const isUtc = match[7] === 'Z';
  const time = isUtc ? asUtc : new Date(asUtc.getTime() + standardOffset(year));
  return isReal && time.getTime() > 0 ? time : undefined;
}

/** How far standard time lies behind UTC, in milliseconds: the larger offset of winter and summer. */
function standardOffset(year: number): number {
  const offsets = [0, 6].map((month) => new Date(year, month, 1).getTimezoneOffset());
  return Math.max(...offsets) * 60_000;
}

/** A time as allowed_signers takes it, in UTC: `20271231235959Z`. Fractions of a second are cut. */
export function formatSshTime(time: Date): string {
  return `${time.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
}
