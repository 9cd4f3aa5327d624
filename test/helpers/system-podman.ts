import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inEngineRoot, newerPodman, type Command } from './system-engine-root.ts';
import { engineAnswers } from './engine-answers.ts';
import { mountDisk } from './system-disk.ts';
import { execOk, execTool } from './system-exec.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';

/** A private Podman: own storage, own API socket. Needs `podman` and root. */
export interface Podman extends Service {
  readonly socket: string;
  /** The words of a command line that runs Podman on the same storage. */
  readonly command: readonly string[];
  /** Where its images lie. */
  readonly data: string;
  /** A command line of Podman on the same storage, which sees these folders beside its own. */
  commandOf(args: readonly string[], folders?: readonly string[]): Command;
  /** Runs it; rejects when it fails. */
  run(args: readonly string[]): Promise<string>;
}

export interface PodmanOptions {
  /** The newer Podman of the engine root (system-engine-root.ts) in place of the installed one. */
  readonly newer?: boolean;
  /** What its registries.conf has; that of the machine when absent. */
  readonly registries?: string;
  /** In KiB: the data lies on a disk of its own that is no larger. */
  readonly dataSize?: number;
  /** The storage driver. Default: vfs, which works everywhere. */
  readonly driver?: 'vfs' | 'overlay';
}

/** Calls `use` with a private Podman that is stopped afterwards. */
export async function withPodman<T>(
  use: (podman: Podman) => Promise<T>,
  options: PodmanOptions = {},
): Promise<T> {
  return usingService(await startPodman(options), use);
}

/** Starts a Podman; several may run side by side. The caller has to `stop` it. */
export async function startPodman(options: PodmanOptions = {}): Promise<Podman> {
  const folder = await serviceFolder('podman');
  const socket = path.join(folder, 'podman.sock');
  const data = path.join(folder, 'root');
  if (options.dataSize !== undefined) await mountDisk(data, options.dataSize);
  // Archives are spooled there; what a killed Podman leaves behind goes with the folder.
  const spool = path.join(folder, 'tmp');
  await mkdir(spool);
  const storage = [
    ...['--root', data, '--runroot', path.join(folder, 'run')],
    ...['--storage-driver', options.driver ?? 'vfs'],
  ];
  // Each time that it is asked for its version, it has dpkg look up the packages of what it runs: half of its work in tests.
  const noPackages = path.join(folder, 'no-packages');
  await mkdir(noPackages);
  await symlink('/bin/false', path.join(noPackages, 'dpkg-query'));
  const commands = `${noPackages}:${process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`;
  // Containers are not to ask for more than a test machine may give.
  const settings = path.join(folder, 'containers.conf');
  const modest = ['default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]', 'pids_limit = 0'];
  await writeFile(settings, `[containers]\n${modest.join('\n')}\n`);
  const registries = path.join(folder, 'registries.conf');
  if (options.registries !== undefined) await writeFile(registries, options.registries);
  const chosen = options.registries === undefined ? [] : [`CONTAINERS_REGISTRIES_CONF=${registries}`];
  const commandOf: Podman['commandOf'] = (args, folders = []) => {
    // Builds of the newer one run their commands without the container runtime, which refuses some test machines.
    const isolation = options.newer === true ? ['BUILDAH_ISOLATION=chroot'] : [];
    const environment = [
      ...[`PATH=${commands}`, `TMPDIR=${spool}`, `CONTAINERS_CONF=${settings}`],
      ...[...isolation, ...chosen],
    ];
    const program = options.newer === true ? newerPodman : systemTools().path('podman');
    const line = { command: 'env', args: [...environment, program, ...storage, ...args] };
    return options.newer === true ? inEngineRoot([folder, ...folders], line) : line;
  };
  if (options.newer !== true) await makeLocks();
  const service = await startService({
    name: 'podman',
    ...commandOf(['system', 'service', '--time', '0', `unix://${socket}`]),
    folder,
    isReady: () => engineAnswers(socket),
  });
  const run = (args: readonly string[]): Promise<string> => {
    const started = commandOf(args);
    return execOk(started.command, started.args);
  };
  const { command, args } = commandOf([]);
  return { ...service, socket, data, command: [command, ...args], commandOf, run };
}

/** Several of them. */
export interface Podmans {
  readonly podmans: readonly Podman[];
  readonly stop: () => Promise<void>;
}

/** Starts several. The caller has to `stop` them. */
export async function startPodmans(number: number): Promise<Podmans> {
  const started = await Promise.allSettled(Array.from({ length: number }, () => startPodman()));
  const podmans = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(podmans.map((podman) => podman.stop()));
  };
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return { podmans, stop };
  await stop();
  throw failed.reason;
}

/** Calls `use` with several that are stopped afterwards. */
export async function withPodmans<T>(
  number: number,
  use: (podmans: readonly Podman[]) => Promise<T>,
): Promise<T> {
  const { podmans, stop } = await startPodmans(number);
  return use(podmans).finally(stop);
}

/** The names of all images that it has. */
export async function namesIn(podman: Podman): Promise<readonly string[]> {
  const names = await podman.run(['images', '--format', '{{.Repository}}:{{.Tag}}']);
  return names
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/**
 * All Podmans of root share locks in memory. The first one on a machine makes them, and of several that want to at the same
 * time all but one fail.
 */
async function makeLocks(): Promise<void> {
  const locks = '/dev/shm/libpod_lock';
  if (existsSync(locks)) return;
  await execTool('flock', [path.dirname(locks), systemTools().path('podman'), 'ps']);
}
