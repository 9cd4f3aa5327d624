import { PackferryError } from '../core/errors.ts';
import type { HostConnection } from '../ssh/host-connection.ts';

/** Free bytes where a folder of another machine lies, by `df`; undefined where that cannot be told. */
export async function freeThere(connection: HostConnection, folder: string): Promise<number | undefined> {
  try {
    // The form of POSIX: XCU, df, "-P".
    const { status, stdout } = await connection.run(['df', '-P', '-k', '--', folder]);
    const line = stdout.trim().split('\n').at(-1) ?? '';
    const [, available] = /\s\d+\s+\d+\s+(\d{1,15})\s+\d+%\s/.exec(line) ?? [];
    return status === 0 && available !== undefined ? Number(available) * 1024 : undefined;
  } catch (fault) {
    if (fault instanceof PackferryError && fault.code !== 'E_USAGE') throw fault;
    // No shell there, or a path that cannot be handed on.
    return undefined;
  }
}
