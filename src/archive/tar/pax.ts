/** What is used of an extended header. */
export interface PaxRecords {
  readonly path?: string;
  readonly size?: number;
}

/** Keys that change neither what a member is nor where it lies. */
const harmless =
  /^(?:mtime|atime|ctime|uid|gid|uname|gname|comment|LIBARCHIVE\.(?:creationtime|xattr\..+)|SCHILY\.(?:dev|ino|nlink|fflags|xattr\..+|acl\..+)|RHT\.security\.selinux)$/;

/**
 * Reads the records of an extended header (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`, where the
 * length counts the whole record. `fail` is called with what is wrong.
 */
export function readPax(bytes: Buffer, fail: (why: string) => Error): PaxRecords {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const [digits = '', lengthText = ''] =
      /^([1-9][0-9]{0,5}) /.exec(bytes.toString('latin1', at, at + 8)) ?? [];
    const end = at + Number(lengthText);
    if (digits === '' || end > bytes.length || bytes[end - 1] !== 0x0a) {
      throw fail('a broken extended header');
    }
    const record = text(bytes.subarray(at + digits.length, end - 1), fail);
    const equals = record.indexOf('=');
    if (equals <= 0) throw fail('an extended header without a key');
    const key = record.slice(0, equals);
    if (records.has(key)) throw fail(`two values for ${key} in the extended header`);
    records.set(key, record.slice(equals + 1));
    at = end;
  }
  return understood(records, fail);
}

function understood(records: ReadonlyMap<string, string>, fail: (why: string) => Error): PaxRecords {
  let known: PaxRecords = {};
  for (const [key, value] of records) {
    if (key === 'path') {
      if (value === '' || value.includes('\0')) throw fail('NUL in the name, or an empty one');
      known = { ...known, path: value };
    } else if (key === 'size') {
      const size = /^(?:0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : NaN;
      if (!Number.isSafeInteger(size)) throw fail('a size in the extended header that is none');
      known = { ...known, size };
    } else if (!harmless.test(key)) {
      throw fail(`${key} in the extended header, which is not allowed here`);
    }
  }
  return known;
}

function text(bytes: Buffer, fail: (why: string) => Error): string {
  const decoded = bytes.toString('utf8');
  // Values of extended attributes may be any bytes; they are not used.
  const isAttribute = /^(?:SCHILY|LIBARCHIVE)\./.test(decoded);
  if (!isAttribute && !Buffer.from(decoded).equals(bytes)) throw fail('an extended header that is not UTF-8');
  return decoded;
}
