import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { asPackferryError, type ErrorCode, type PackferryError } from '../../src/core/errors.ts';

/** A temporary folder with these files in it (path inside, content); gone when the test ends. */
export async function folderWith(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'packferry-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return folder;
}

/** A python script item; `more` are further lines. */
export function script(name: string, ...more: readonly string[]): string {
  return [
    `commonfields:`,
    `  id: ${name}`,
    `  version: -1`,
    `name: ${name}`,
    `script: '-'`,
    ...more,
    '',
  ].join('\n');
}

/** An integration item; `more` are further lines of its `script` mapping. */
export function integration(name: string, ...more: readonly string[]): string {
  const inner = ["script: ''", ...more].map((line) => `  ${line}`);
  return [`commonfields:`, `  id: ${name}`, `  version: -1`, `name: ${name}`, `script:`, ...inner, ''].join(
    '\n',
  );
}

/** The error that `work` ends with, which must have this code. */
export async function errorOf(
  t: ExecutionContext,
  code: ErrorCode,
  work: () => unknown,
): Promise<PackferryError> {
  const fault: unknown = await t.throwsAsync(
    async () => {
      await work();
    },
    { any: true },
  );
  const error = asPackferryError(fault);
  t.is(error.code, code, error.message);
  return error;
}
