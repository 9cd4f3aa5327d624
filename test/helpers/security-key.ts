import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { execOk } from './system-exec.ts';

/** In Debian's package `openssh-tests`, which `.ci/run` unpacks into a folder of its own. */
const inPackage = 'usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so';

/** The security key in software with which OpenSSH tests its own programs, where it is on this machine. */
export function softwareKeyProvider(): string | undefined {
  const folders = [process.env['PACKFERRY_OPENSSH_TESTS'] ?? '/var/tmp/packferry-openssh-tests', '/'];
  return folders.map((folder) => path.join(folder, inPackage)).find((file) => existsSync(file));
}

/** Makes a key pair, `file` and `file.pub`, whose secret lies in that security key. Returns the public line. */
export async function makeSecurityKey(
  provider: string,
  type: 'ecdsa-sk' | 'ed25519-sk',
  file: string,
): Promise<string> {
  await rm(file, { force: true });
  await execOk('ssh-keygen', ['-q', '-t', type, '-w', provider, '-N', '', '-C', 'test', '-f', file]);
  return readFile(`${file}.pub`, 'utf8');
}
