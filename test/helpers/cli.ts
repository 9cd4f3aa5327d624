import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { execTool, type ExecOptions, type ExecResult } from './system-exec.ts';

/** The project's root: the compiled tests lie in dist/test/helpers. */
export const projectRoot = path.resolve(import.meta.dirname, '../../..');

/** The launcher that users run. */
export const launcher = path.join(projectRoot, 'bin', 'packferry.js');

/**
 * Runs packferry as a user does: as a process of its own. It remembers nothing of other runs, unless the test names a
 * state folder: bundles of other tests must not count as older ones.
 */
export function packferry(args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { env = process.env } = options;
  const shared = process.env['PACKFERRY_STATE'];
  const chosen = env['PACKFERRY_STATE'];
  const state =
    chosen === undefined || chosen === shared ? path.join(shared ?? tmpdir(), randomUUID()) : chosen;
  return execTool(process.execPath, [launcher, ...args], {
    ...options,
    env: { ...env, PACKFERRY_STATE: state },
  });
}
