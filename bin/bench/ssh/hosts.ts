import { setTimeout as delay } from 'node:timers/promises';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import type { Service } from '../../../test/helpers/system-service.ts';
import { startSshd, type Sshd } from '../../../test/helpers/system-sshd.ts';
import { startHelper } from '../export/helper-process.ts';
import { treeOf } from '../export/processes.ts';
import { processOf, withEmptyEngine, type Engine } from '../import/engines.ts';
import type { DelayLinkBytes } from './delay-link.ts';
import { remoteEnvironment } from './engine-command.ts';

/** Where an SSH server answers, and who is let in. */
export interface Access {
  readonly port: number;
  readonly identity: string;
  /** The keys of all hosts, by the port that is connected to. */
  readonly knownHosts: string;
}

/** A machine that only SSH reaches: a server, and an engine behind it. */
export interface Host {
  readonly engine: Engine;
  readonly access: Access;
  /** Bytes that went both ways since the last call; there is no such count without a link. */
  readonly bytes: () => Promise<DelayLinkBytes | undefined>;
  /** The processes that work for it. */
  readonly daemons: readonly number[];
  /** Waits until the server has nobody connected. */
  readonly settled: () => Promise<void>;
}

export interface HostOptions {
  readonly kind: EngineKind;
  /** The server whose user connects; his known_hosts gets a line for each host. */
  readonly like: Sshd;
  readonly writeKnown: (line: string) => Promise<void>;
  readonly knownHosts: string;
  /** Milliseconds of a link in front of the server, which counts bytes; 0 is a link without delay. No link when absent. */
  readonly roundTrip: number | undefined;
}

/** Runs with a host whose engine is empty. */
export async function withHost<T>(options: HostOptions, use: (host: Host) => Promise<T>): Promise<T> {
  const { kind, like, knownHosts, writeKnown, roundTrip } = options;
  return withEmptyEngine(kind, async (engine) => {
    // `podman image scp` of Podman 4 writes a file there, by sftp.
    const config = [
      `SetEnv ${await remoteEnvironment(engine)}`,
      'MaxSessions 64',
      'Subsystem sftp internal-sftp',
    ];
    const sshd = await startSshd({ like, hostKeys: ['ed25519'], config });
    try {
      const link = roundTrip === undefined ? undefined : await startLink(sshd.port, roundTrip);
      const port = link === undefined ? sshd.port : Number(link.line);
      await writeKnown(sshd.hostKeys.ed25519.replace(`:${sshd.port} `, `:${port} `));
      try {
        const server = daemonOf(sshd);
        return await use({
          engine,
          access: { port, identity: like.identity, knownHosts },
          bytes: async () =>
            link === undefined ? undefined : (JSON.parse(await link.ask('bytes')) as DelayLinkBytes),
          daemons: [processOf(engine), server],
          settled: () => alone(server),
        });
      } finally {
        await link?.stop();
      }
    } finally {
      await sshd.stop();
    }
  });
}

/** Runs with several hosts at once. */
export async function withHosts<T>(
  count: number,
  options: HostOptions,
  use: (hosts: readonly Host[]) => Promise<T>,
  hosts: readonly Host[] = [],
): Promise<T> {
  if (hosts.length === count) return use(hosts);
  return withHost(options, (host) => withHosts(count, options, use, [...hosts, host]));
}

function startLink(port: number, roundTrip: number): ReturnType<typeof startHelper> {
  return startHelper('../ssh/delay-link.js', [port, roundTrip]);
}

function daemonOf({ supervisor }: Service): number {
  const [, daemon] = treeOf(supervisor);
  if (daemon === undefined) throw new Error('sshd has ended');
  return daemon;
}

/** A server's process for a connection ends a moment after the connection; only then its time is counted. */
async function alone(server: number): Promise<void> {
  for (let tried = 0; treeOf(server).length > 1; tried += 1) {
    if (tried > 200) throw new Error('somebody stays connected to sshd');
    await delay(20);
  }
}
