import type { Duplex } from 'node:stream';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { plainWords } from '../core/plain-words.ts';
import { ChannelStream } from './channel-stream.ts';
import { SshConnection, type Hop as LetIn } from './connection.ts';
import { formatDestination, type Destination } from './destination.ts';
import { connectHop } from './hop.ts';
import type { HostConnection } from './host-connection.ts';
import { readKnownHosts } from './known-hosts.ts';
import type { AskPerson } from './questions.ts';
import { settingsOf, type HostSettings, type SshUser } from './settings.ts';
import { connectByClient } from './client-connect.ts';
import { connectionLost, unreachable } from './ssh-fault.ts';

export interface ConnectOptions {
  readonly me: SshUser;
  /** Hosts that no known_hosts file has are added to the user's. Never those that show another key than the known one. */
  readonly acceptNew: boolean;
  /** Absent where nobody can answer. */
  readonly ask?: AskPerson | undefined;
  readonly emit: Emit;
  /** Ends the connection, also after it was made. */
  readonly signal?: AbortSignal | undefined;
}

interface Hop {
  readonly name: string;
  readonly settings: HostSettings;
}

/**
 * Connects to a host as ssh would: settings from ssh_config, through its jump hosts, each of which must be a known host
 * itself. The caller closes the connection. Throws the abort reason, `E_SSH_CONFIG`, `E_HOST_KEY_UNKNOWN`,
 * `E_HOST_KEY_CHANGED`, `E_HOST_KEY_REVOKED`, `E_SSH_AUTH`, `E_SSH_UNREACHABLE`.
 */
export async function connectSsh(destination: Destination, options: ConnectOptions): Promise<HostConnection> {
  const { me, emit, acceptNew, ask, signal } = options;
  if (me.command !== undefined)
    return connectByClient(destination, me.command, { me, emit, acceptNew, signal });
  const hops = await hopsTo(destination, options);
  const open: LetIn[] = [];
  try {
    for (const { name, settings } of hops) {
      const through = await throughLast(open.at(-1), name, settings);
      const files = [...settings.userKnownHosts, ...settings.globalKnownHosts];
      const known = await readKnownHosts(files, settings.revokedHostKeys, emit);
      open.push(await connectHop({ name, settings, known, acceptNew, emit, through, ask, signal }));
    }
    const [first, ...others] = open;
    if (first === undefined) throw new PackferryError('E_INTERNAL', 'no host to connect to');
    return new SshConnection(hops.at(-1)?.name ?? '', [first, ...others], signal);
  } catch (fault) {
    for (const { client } of open.reverse()) client.destroy();
    throw fault;
  }
}

/** The hosts in the order in which they are passed. A jump host has its own settings, and with them its own jump hosts. */
async function hopsTo(destination: Destination, { me, emit }: ConnectOptions): Promise<Hop[]> {
  const hops: Hop[] = [];
  let next: Destination | undefined = destination;
  let jumps: string | undefined;
  while (next !== undefined) {
    const settings: HostSettings = await settingsOf(next, me, emit, jumps);
    const { hostName, port, user } = settings;
    const by = hops[0] === undefined ? '' : ` (on the way to ${formatDestination(destination)})`;
    hops.unshift({ name: `ssh://${formatDestination({ host: hostName, port, user })}${by}`, settings });
    if (hops.length > limits.sshHops) {
      throw new PackferryError(
        'E_SSH_CONFIG',
        `${formatDestination(destination)}: more than ${limits.sshHops} hosts in a row`,
        {
          hint: 'Does a ProxyJump lead in a circle? See "ssh -G".',
        },
      );
    }
    next = settings.jumps.at(-1);
    // As ssh does: the hosts before it are given to a jump host; a single one goes by its own settings.
    const before = settings.jumps.slice(0, -1);
    jumps = before.length === 0 ? undefined : before.map((jump) => formatDestination(jump, 0)).join(',');
  }
  return hops;
}

/** A stream to a host through the last hop; undefined where there is none. */
async function throughLast(
  last: LetIn | undefined,
  name: string,
  { hostName, port }: HostSettings,
): Promise<Duplex | undefined> {
  if (last === undefined) return undefined;
  const { client: jump } = last;
  return new Promise((resolve, reject) => {
    // The address that asks is for the log of the jump host; OpenSSH says the same.
    jump.forwardOut('127.0.0.1', 65_535, hostName, port, (fault: Error | undefined, channel) => {
      if (fault instanceof Error) {
        const hint = 'Does the jump host reach it, and does its sshd allow that (AllowTcpForwarding)?';
        reject(
          unreachable(name, `the jump host does not connect: ${plainWords(messageOf(fault))}`, hint, fault),
        );
        return;
      }
      let isLost = false;
      jump.once('close', () => (isLost = true));
      const faultAtEnd = (): Error | undefined => (isLost ? connectionLost(name) : undefined);
      resolve(new ChannelStream(channel, { faultAtEnd, endsWith: 'eof' }));
    });
  });
}
