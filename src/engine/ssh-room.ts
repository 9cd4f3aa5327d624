import { PackferryError } from '../core/errors.ts';
import type { HostConnection } from '../ssh/host-connection.ts';

/** Free bytes where a folder of another machine lies, by `df`; undefined where that cannot be told. */
export async function freeThere(connection: HostConnection, folder: string): Promise<number | undefined> {
  try {
    // The form of POSIX: XCU, df, "-P".
    const { status, stdout } = await connection.run(['df', '-P', '-k', '--', folder]);
    return status === 0 ? freeBytes(stdout.trimEnd().split('\n')) : undefined;
  } catch (fault) {
    if (fault instanceof PackferryError && fault.code !== 'E_USAGE') throw fault;
    // No shell there, or a path that cannot be handed on.
    return undefined;
  }
}

/** Free bytes, of what `df -P -k` printed; undefined where that says nothing. */
export function freeBytes(lines: readonly string[]): number | undefined {
  const [, kib] = /^\S.* +[0-9]+ +[0-9]+ +([0-9]+) +[0-9]+% +\/.*$/.exec(lines.at(-1) ?? '') ?? [];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
