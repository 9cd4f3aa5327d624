import { silent, type Emit } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { connectEngineOverSsh } from '../../src/engine/ssh-connection.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import type { SshUser } from '../../src/ssh/settings.ts';
import { userOf } from './ssh-user.ts';
import type { Dockerd } from './system-dockerd.ts';
import type { Podman } from './system-podman.ts';
import type { Sshd } from './system-sshd.ts';

/** Where this machine has its programs. */
export const usualPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Commands are found there. */
export const setPath = `SetEnv ${usualPath}`;

export interface Far {
  readonly sshd: Sshd;
  readonly engine: Dockerd | Podman;
}

/** Opens the engine behind the server as a target, closed afterwards. `rest` follows `ssh://...?`. */
export async function overSsh<T>(
  { sshd, engine }: Omit<Far, 'engine'> & { readonly engine: Pick<Far['engine'], 'socket'> },
  use: (target: ImageTarget) => Promise<T>,
  more: {
    readonly user?: string;
    readonly query?: string;
    readonly port?: number;
    readonly emit?: Emit;
    readonly signal?: AbortSignal;
    readonly me?: Partial<SshUser>;
  } = {},
): Promise<T> {
  const { user = 'root', query = `socket=${engine.socket}`, port = sshd.port, emit = silent, signal } = more;
  const endpoint = parseSshEndpoint(`//${user}@127.0.0.1:${port}?${query}`);
  const options = { me: userOf(sshd, more.me), acceptNew: false, emit, signal };
  const connection = await connectEngineOverSsh(endpoint, options);
  const target = await openDockerTarget(connection, signal === undefined ? {} : { signal });
  try {
    return await use(target);
  } finally {
    await target.close();
  }
}
