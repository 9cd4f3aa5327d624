import { watch } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { plainWords } from '../core/plain-words.ts';
import { Client } from './client.ts';
import { connectArguments, type ClientWords } from './client-command.ts';
import { ClientConnection } from './client-connection.ts';
import { formatDestination, type Destination } from './destination.ts';
import type { HostConnection } from './host-connection.ts';
import type { SshUser } from './settings.ts';
import { tellingTouch } from './touch.ts';

export interface ClientConnectOptions {
  readonly me: SshUser;
  readonly acceptNew: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/**
 * Connects by OpenSSH's own client, with all that it can do: security keys, Kerberos, ProxyCommand. It is
 * asked once (ControlMaster, with a socket in a private folder), and everything goes over that one connection. Throws the
 * abort reason, `E_SSH_CONFIG`, `E_SSH_AUTH`, `E_SSH_UNREACHABLE`, `E_HOST_KEY_UNKNOWN`, `E_HOST_KEY_CHANGED`,
 * `E_HOST_KEY_REVOKED`.
 */
export async function connectByClient(
  destination: Destination,
  words: ClientWords,
  { me, acceptNew, emit, signal }: ClientConnectOptions,
): Promise<HostConnection> {
  signal?.throwIfAborted();
  const name = `ssh://${formatDestination(destination)}`;
  const client = new Client({
    ...{ name, destination, words, environment: me.environment },
    connecting: connectArguments(destination, { me, acceptNew }),
  });
  const patience = await client.patience();
  const folder = await privateFolder();
  try {
    const control = path.join(folder, 'control');
    const master = client.startMaster(control, patience, await tellingTouch(me.environment, folder));
    const connection = new ClientConnection(client, master, { folder, control, signal });
    master.onWords = (line) => {
      // Somebody has to touch a key.
      if (/confirm user presence/i.test(line))
        emit({ type: 'note', level: 'info', message: `${name}: ssh says: ${plainWords(line)}` });
    };
    try {
      await appears(control, master.failed, signal);
      return connection;
    } catch (fault) {
      connection.close();
      throw fault;
    }
  } catch (fault) {
    await rm(folder, { recursive: true, force: true });
    signal?.throwIfAborted();
    throw fault;
  }
}

/** The name of a socket has 107 characters at most, and ssh makes one of 17 more first. */
const longest = 60;

/** Open to this user only. Short, and free of what ssh gives a meaning. */
async function privateFolder(): Promise<string> {
  const usual = tmpdir();
  const isFit = usual.length <= longest && /^[\w/.@+,=-]+$/.test(usual);
  return mkdtemp(path.join(isFit ? usual : '/tmp', 'packferry-ssh-'));
}

/** Resolves when the file is there: ssh makes it when the host has let the user in. Rejects with `failed`. */
async function appears(
  file: string,
  failed: Promise<PackferryError>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const watcher = watch(path.dirname(file));
  let onAbort = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => void access(file).then(resolve, () => undefined);
      watcher.on('change', look);
      watcher.on('error', reject);
      failed.then(reject, reject);
      onAbort = () => reject(new PackferryError('E_INTERRUPTED', 'stopped'));
      signal?.addEventListener('abort', onAbort, { once: true });
      look();
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    watcher.close();
  }
}
