const form = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/;

/**
 * Reads the times of allowed_signers, `YYYYMMDD[HHMM[SS]][Z]`; without `Z` it is this machine's local time
 * (ssh-keygen(1), "ALLOWED SIGNERS"). Undefined for anything else, for dates that no calendar has (ssh-keygen turns
 * 30 February into 2 March), and for times before 1970, which ssh-keygen refuses.
 */
export function parseSshTime(text: string): Date | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits: string | undefined) => Number(digits ?? 0));
  const written = [year, month - 1, day, hour, minute, second] as const;
  const isUtc = match[7] === 'Z';
  const time = isUtc ? new Date(Date.UTC(...written)) : new Date(...written);
  const read = isUtc ? fieldsInUtc(time) : fieldsHere(time);
  return time.getTime() > 0 && read.every((field, index) => field === written[index]) ? time : undefined;
}

function fieldsInUtc(time: Date): number[] {
  return [
    time.getUTCFullYear(),
    time.getUTCMonth(),
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  ];
}

function fieldsHere(time: Date): number[] {
  return [
    time.getFullYear(),
    time.getMonth(),
    time.getDate(),
    time.getHours(),
    time.getMinutes(),
    time.getSeconds(),
  ];
}
