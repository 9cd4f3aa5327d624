import path from 'node:path';
import process from 'node:process';
import { execTool, type ExecOptions, type ExecResult } from './system-exec.ts';

/** The project's root: the compiled tests lie in dist/test/helpers. */
export const projectRoot = path.resolve(import.meta.dirname, '../../..');

/** The launcher that users run. */
export const launcher = path.join(projectRoot, 'bin', 'packferry.js');

/** Runs packferry as a user does: as a process of its own. */
export function packferry(args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return execTool(process.execPath, [launcher, ...args], options);
}
