import { mkdir } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { execTool, type ExecOptions, type ExecResult } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';

/** A private Docker engine: own storage, own socket, no network. Needs `dockerd`, `docker` and root. */
export interface Dockerd extends Service {
  /** Path of its API socket. */
  readonly socket: string;
  /** Runs docker's command line against it. */
  run(args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

/** Starts an engine; several may run side by side. The caller has to `stop` it. */
export async function startDockerd(): Promise<Dockerd> {
  const tools = systemTools();
  const folder = await serviceFolder('dockerd');
  const socket = path.join(folder, 'docker.sock');
  const service = await startService({
    name: 'dockerd',
    command: tools.path('dockerd'),
    args: [
      ...['--host', `unix://${socket}`],
      ...['--data-root', path.join(folder, 'data')],
      ...['--exec-root', path.join(folder, 'exec')],
      ...['--pidfile', path.join(folder, 'pid')],
      // Neither bridges nor firewall rules: the machine's own network stays as it is.
      ...['--bridge=none', '--iptables=false', '--ip6tables=false'],
    ],
    folder,
    isReady: () => answers(socket),
  });
  const config = path.join(folder, 'docker-config');
  await mkdir(config);
  const docker = tools.path('docker');
  return {
    ...service,
    socket,
    run: (args, options = {}) =>
      execTool(docker, ['--host', `unix://${socket}`, ...args], {
        ...options,
        env: { ...(options.env ?? process.env), DOCKER_CONFIG: config },
      }),
  };
}

/** Calls `use` with a private engine that is stopped afterwards. */
export async function withDockerd<T>(use: (dockerd: Dockerd) => Promise<T>): Promise<T> {
  return usingService(await startDockerd(), use);
}

/** Does an API answer on this socket? */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ping = request({ socketPath: socket, path: '/_ping', agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.once('timeout', () => ping.destroy(new Error('timeout')));
    ping.once('error', reject);
    ping.end();
  });
}
