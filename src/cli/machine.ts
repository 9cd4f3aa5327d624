import { hostname, userInfo } from 'node:os';
import process from 'node:process';

/** Where and by whom this program is run: for evidence, never for decisions. */
export interface Machine {
  readonly host: string;
  readonly user: string;
  /** Version of Node. */
  readonly node: string;
  /** The file of the self-contained importer, or the folder of the compiled program. */
  readonly program: string;
}

/** This machine, on which `program` runs. */
export function thisMachine(program: string): Machine {
  return {
    host: hostname(),
    user: userName(),
    node: process.version,
    program,
  };
}

/** The name of the user; of one without an account entry, the number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 0}`;
  }
}
