import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Answers for ssh-keygen (ssh(1), SSH_ASKPASS): what it asks for is the first argument. The passphrase comes over an open
 * pipe, so that it stands in no argument, no variable and no file. Everything else that is asked for, above all the PIN of
 * a security key, is not answered with it: wrong PINs lock such keys.
 */
const helper = `#!/bin/sh
case $1 in
  "Enter passphrase"*) exec cat <&3 ;;
esac
printf '%s\\n' "$1" >&2
exit 1
`;

/** Runs with the variables that make ssh-keygen take its passphrase from its file descriptor 3. */
export async function withAskpass<T>(
  env: Readonly<Record<string, string | undefined>>,
  use: (env: Readonly<Record<string, string | undefined>>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-askpass-'));
  try {
    const file = path.join(folder, 'askpass');
    await writeFile(file, helper, { mode: 0o700 });
    // Before OpenSSH 8.4, which has the second variable, a display is what makes it ask that way.
    const display = env['DISPLAY'] ?? ':0';
    return await use({ ...env, SSH_ASKPASS: file, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: display });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
