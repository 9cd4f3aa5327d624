import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeExecutable } from './system-exec.ts';

/** A credential helper of the test's own in a folder for PATH. */
export interface FakeHelper {
  /** The variables to start it with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every time it was run: verb and input, in order. */
  readonly calls: () => Promise<string[]>;
}

/**
 * Writes an executable `docker-credential-NAME`. `answers` are what it prints by what it is asked, and it ends with
 * status 1 for everything else, as helpers do that know nothing.
 */
export async function writeHelper(
  folder: string,
  name: string,
  answers: Readonly<Record<string, string>>,
  otherwise = "printf 'credentials not found in native keychain\\n'; exit 1",
): Promise<FakeHelper> {
  const [bin, log] = [path.join(folder, 'bin'), path.join(folder, `${name}.log`)];
  await mkdir(bin, { recursive: true });
  const cases = Object.entries(answers).map(
    ([input, answer]) => `  'get ${input}') cat <<'END'\n${answer}\nEND\n  ;;`,
  );
  const script = [
    '#!/bin/sh',
    'input=$(cat)',
    `printf '%s %s\\n' "$1" "$input" >> '${log}'`,
    'case "$1 $input" in',
    ...cases,
    '  store\\ *|erase\\ *) exit 0 ;;',
    `  *) ${otherwise} ;;`,
    'esac',
    '',
  ].join('\n');
  const file = path.join(bin, `docker-credential-${name}`);
  await writeExecutable(file, script);
  return {
    environment: { PATH: `${bin}:/usr/bin:/bin` },
    calls: async () => {
      const text = await readFile(log, 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

/** What a helper answers to `get`. */
export function helperAnswer(server: string, username: string, secret: string): string {
  return JSON.stringify({ ServerURL: server, Username: username, Secret: secret });
}
