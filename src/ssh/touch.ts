import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SshUser } from './settings.ts';

/**
 * What ssh asks for is the first argument; "none" says that it only wants to tell something. Nothing is answered: a wrong
 * PIN too many locks a security key.
 */
const teller = `#!/bin/sh
[ "$SSH_ASKPASS_PROMPT" = none ] || exit 1
printf '%s\\n' "$1" >&2
`;

/**
 * The environment in which ssh tells on its standard error that a security key waits to be touched. When it may ask nothing
 * (BatchMode), it tells that by a program only, SSH_ASKPASS, and where there is a display; without them it waits in silence.
 * A program of the user's own stays. A PIN is still asked for on the terminal, where there is one: SSH_ASKPASS_REQUIRE is not
 * set. The program lies in `folder`.
 */
export async function tellingTouch(
  environment: SshUser['environment'],
  folder: string,
): Promise<SshUser['environment']> {
  if ((environment['SSH_ASKPASS'] ?? '') !== '') return environment;
  const file = path.join(folder, 'askpass');
  await writeFile(file, teller, { mode: 0o700 });
  return { ...environment, SSH_ASKPASS: file, DISPLAY: environment['DISPLAY'] ?? ':0' };
}
