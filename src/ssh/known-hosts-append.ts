import { randomBytes } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError } from '../core/errors.ts';
import { makeFolder } from '../core/make-folder.ts';
import type { HostKey } from './host-key.ts';
import { hashedNameOf } from './known-hosts-line.ts';

/** Adds a host to a known_hosts file, which is made when it is missing, readable for its owner only. Throws `E_SSH_CONFIG`. */
export async function addKnownHost(
  file: string,
  name: string,
  { type, blob }: HostKey,
  isHashed: boolean,
): Promise<void> {
  const host = isHashed ? hashedNameOf(name, randomBytes(20)) : name;
  try {
    await makeFolder(path.dirname(file), (folder) => mkdir(folder, 0o700));
    const handle = await open(file, 'a+', 0o600);
    try {
      const { size } = await handle.stat();
      const last = size === 0 ? Buffer.from('\n') : Buffer.alloc(1);
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      // In one write: others may add lines at the same time.
      const before = last.toString() === '\n' ? '' : '\n';
      await handle.appendFile(`${before}${host} ${type} ${blob.toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new PackferryError('E_SSH_CONFIG', `${file}: the host cannot be added: ${messageOf(cause)}`, {
      hint: 'Make the file writable, or name another one: --known-hosts FILE.',
      cause,
    });
  }
}
