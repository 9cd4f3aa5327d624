import path from 'node:path';
import process from 'node:process';
import type { Machine } from '../../src/cli/machine.ts';

/** The machine on which command lines run that are run inside tests. */
export const testMachine: Machine = {
  host: 'closed-host',
  user: 'operator',
  node: process.version,
  program: path.resolve(import.meta.dirname, '../../src/core'),
};
