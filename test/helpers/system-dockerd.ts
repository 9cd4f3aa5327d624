import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inEngineRoot } from './system-engine-root.ts';
import { execTool, type ExecOptions, type ExecResult } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { engineAnswers } from './engine-answers.ts';
import { mountDisk } from './system-disk.ts';
import { systemTools } from './system-tools.ts';

/** A dockerd to be tried in place of the one in the engine root, e.g. of a release that Debian does not have yet. */
const given = [process.env['PACKFERRY_DOCKERD'] ?? ''].filter((file) => file !== '');

/** A private Docker engine: own storage, own socket, no network. Needs `dockerd`, `docker` and root. */
export interface Dockerd extends Service {
  /** Path of its API socket. */
  readonly socket: string;
  /** Where its data lies. */
  readonly data: string;
  /** Runs docker's command line against it. */
  run(args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

export interface DockerdOptions {
  /** The newer engine of the engine root (system-engine-root.ts) in place of the installed one. */
  readonly newer?: boolean;
  /** Where images are kept; only newer engines can have the containerd store. Default: the classic one. */
  readonly store?: 'classic' | 'containerd';
  /** What else its configuration file has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Where its API is, besides its socket: `tcp://...`. */
  readonly hosts?: readonly string[];
  /** Where the data lies; by default in the engine's own folder. */
  readonly data?: string;
  /** In KiB: the data lies on a disk of its own that is no larger, `data` in the engine's folder. */
  readonly dataSize?: number;
}

/** Starts an engine; several may run side by side. The caller has to `stop` it. */
export async function startDockerd(options: DockerdOptions = {}): Promise<Dockerd> {
  const tools = systemTools();
  const folder = await serviceFolder('dockerd');
  const socket = path.join(folder, 'docker.sock');
  const data = options.data ?? path.join(folder, 'data');
  if (options.dataSize !== undefined) await mountDisk(data, options.dataSize);
  const settings = path.join(folder, 'daemon.json');
  const features = { 'containerd-snapshotter': options.store === 'containerd' };
  await writeFile(
    settings,
    JSON.stringify({ ...(options.newer === true ? { features } : {}), ...options.settings }),
  );
  const args = [
    ...[`unix://${socket}`, ...(options.hosts ?? [])].flatMap((host) => ['--host', host]),
    ...['--config-file', settings],
    ...['--data-root', data],
    ...['--exec-root', path.join(folder, 'exec')],
    ...['--pidfile', path.join(folder, 'pid')],
    // Neither bridges nor firewall rules: the machine's own network stays as it is.
    ...['--bridge=none', '--iptables=false', '--ip6tables=false'],
  ];
  const started =
    options.newer === true
      ? inEngineRoot([folder, ...given.map((file) => path.dirname(file))], {
          command: given[0] ?? 'dockerd',
          args,
        })
      : { command: tools.path('dockerd'), args };
  const service = await startService({
    name: 'dockerd',
    ...started,
    folder,
    isReady: () => engineAnswers(socket),
  });
  const config = path.join(folder, 'docker-config');
  await mkdir(config);
  const docker = tools.path('docker');
  return {
    ...service,
    socket,
    data,
    start: async () => {
      // As after a restart of the machine: a containerd that was killed with its dockerd must not pass for a running one.
      await rm(path.join(folder, 'exec', 'containerd'), { recursive: true, force: true });
      await service.start();
    },
    run: (args, options = {}) =>
      execTool(docker, ['--host', `unix://${socket}`, ...args], {
        ...options,
        env: { ...(options.env ?? process.env), DOCKER_CONFIG: config },
      }),
  };
}

/** Calls `use` with a private engine that is stopped afterwards. */
export async function withDockerd<T>(
  use: (dockerd: Dockerd) => Promise<T>,
  options: DockerdOptions = {},
): Promise<T> {
  return usingService(await startDockerd(options), use);
}
