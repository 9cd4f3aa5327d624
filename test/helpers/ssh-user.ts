import { silent, type Event } from '../../src/core/events.ts';
import { connectSsh, type ConnectOptions } from '../../src/ssh/connect.ts';
import type { HostConnection } from '../../src/ssh/host-connection.ts';
import type { SshUser } from '../../src/ssh/settings.ts';
import type { Sshd } from './system-sshd.ts';

/** Who connects to a server of the tests: nothing of the machine's own settings counts. */
export function userOf({ home }: Pick<Sshd, 'home'>, more: Partial<SshUser> = {}): SshUser {
  return { name: 'root', home, environment: {}, ...more };
}

/** Connects to a server of the tests as root, and closes the connection afterwards. */
export async function withConnection<T>(
  sshd: Sshd,
  use: (connection: HostConnection) => Promise<T>,
  more: Partial<ConnectOptions> & { readonly user?: string; readonly host?: string } = {},
): Promise<T> {
  const { user = 'root', host = '127.0.0.1', ...options } = more;
  const destination = { host, user, ...(host === '127.0.0.1' ? { port: sshd.port } : {}) };
  const connection = await connectSsh(destination, {
    ...{ me: userOf(sshd), acceptNew: false, emit: silent },
    ...options,
  });
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** Collects events. */
export function noting(): { readonly emit: (event: Event) => void; readonly notes: () => string } {
  const events: Event[] = [];
  return {
    emit: (event) => void events.push(event),
    notes: () => events.flatMap((event) => (event.type === 'note' ? [event.message] : [])).join('\n'),
  };
}
