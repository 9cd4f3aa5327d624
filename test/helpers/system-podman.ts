import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { inEngineRoot, type Command } from './system-engine-root.ts';
import { execOk } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';

/** A private Podman: own storage, own API socket. Needs `podman` and root. */
export interface Podman extends Service {
  readonly socket: string;
  /** The words of a command line that runs Podman on the same storage. */
  readonly command: readonly string[];
  /** Runs Podman on the same storage; rejects when it fails. */
  run(args: readonly string[]): Promise<string>;
}

export interface PodmanOptions {
  /** The newer Podman of the engine root (system-engine-root.ts) in place of the installed one. */
  readonly newer?: boolean;
  /** What its registries.conf has; that of the machine when absent. */
  readonly registries?: string;
}

/** Calls `use` with a private Podman that is stopped afterwards. */
export async function withPodman<T>(
  use: (podman: Podman) => Promise<T>,
  options: PodmanOptions = {},
): Promise<T> {
  const folder = await serviceFolder('podman');
  const socket = path.join(folder, 'podman.sock');
  const storage = [
    ...['--root', path.join(folder, 'root'), '--runroot', path.join(folder, 'run')],
    ...['--storage-driver', 'vfs'],
  ];
  // Containers are not to ask for more than a test machine may give.
  const settings = path.join(folder, 'containers.conf');
  await writeFile(settings, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const podman = (args: readonly string[]): Command => {
    const program = options.newer === true ? 'podman' : systemTools().path('podman');
    const line = { command: 'env', args: [`CONTAINERS_CONF=${settings}`, program, ...storage, ...args] };
    return options.newer === true ? inEngineRoot(folder, line) : line;
  };
  const service = await startService({
    name: 'podman',
    ...podman(['system', 'service', '--time', '0', `unix://${socket}`]),
    folder,
    isReady: () => answers(socket),
  });
  const registries = path.join(folder, 'registries.conf');
  if (options.registries !== undefined) await writeFile(registries, options.registries);
  const chosen = options.registries === undefined ? {} : { CONTAINERS_REGISTRIES_CONF: registries };
  const run = (args: readonly string[]): Promise<string> => {
    const started = podman(args);
    return execOk(started.command, started.args, { env: { ...process.env, ...chosen } });
  };
  const { command, args } = podman([]);
  return usingService({ ...service, socket, command: [command, ...args], run }, use);
}

/** Does an API answer on this socket? */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ping = request({ socketPath, path: '/_ping', agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.once('error', reject);
    ping.end();
  });
}
