import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { silent, type Emit } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { openStagedTarget } from '../../src/engine/stage/staged-target.ts';
import type { ImportSite, MadeBundle } from './import-site.ts';
import { withCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';
import { userOf } from './ssh-user.ts';
import type { Dockerd } from './system-dockerd.ts';
import { withEngine, type EngineKind } from './system-engine-kinds.ts';
import type { Podman } from './system-podman.ts';
import { knownName, makeKnown, withSshd, type Sshd, type SshdOptions } from './system-sshd.ts';

/** An engine on a far machine, behind a link that can be cut. */
export interface StagedFar {
  readonly sshd: Sshd;
  readonly engine: Dockerd | Podman;
  readonly proxy: CuttingProxy;
  /** `--stage-dir`: a folder of root there. */
  readonly dir: string;
  /** `ssh://...` through the link. */
  readonly url: string;
  /** The images that the engine has, as it prints them. */
  readonly images: () => Promise<string>;
  /** The folders of images that are being staged. */
  readonly folders: () => Promise<readonly string[]>;
  /** The files in them, with their paths. */
  readonly files: () => Promise<readonly string[]>;
}

export interface StagedFarOptions extends SshdOptions {
  /** The PATH of commands there. */
  readonly path?: string;
}

/** Calls `use` with a private engine, server and link, all of which are ended afterwards. */
export async function withStagedFar<T>(
  kind: EngineKind,
  use: (far: StagedFar) => Promise<T>,
  options: StagedFarOptions = {},
): Promise<T> {
  return withEngine(kind, (engine) => withStagedEngine(engine, use, options));
}

/** The same with an engine that the caller has, and ends. */
export async function withStagedEngine<T>(
  engine: Dockerd | Podman,
  use: (far: StagedFar) => Promise<T>,
  options: StagedFarOptions = {},
): Promise<T> {
  const { path: programs = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...server } =
    options;
  return withSshd(
    (sshd) =>
      withCuttingProxy(sshd, async (proxy) => {
        await chmod(engine.folder, 0o755);
        await makeKnown(sshd);
        await makeKnownBy(sshd, proxy.port);
        const dir = path.join(sshd.folder, 'stage');
        await mkdir(dir, { mode: 0o700 });
        const root = path.join(dir, 'packferry-stage');
        const folders = async (): Promise<string[]> => readdir(root).catch(() => []);
        const files = async (): Promise<string[]> => {
          const all = await Promise.all(
            (await folders()).map(async (name) => {
              const folder = path.join(root, name);
              return (await readdir(folder)).map((file) => path.join(folder, file));
            }),
          );
          return all.flat();
        };
        const images = async (): Promise<string> => {
          const told = await engine.run(['images', '--all', '--quiet', '--no-trunc']);
          return (typeof told === 'string' ? told : told.stdout).trim().split('\n').sort().join('\n');
        };
        const url = `ssh://root@127.0.0.1:${proxy.port}?socket=${engine.socket}`;
        return use({ sshd, engine, proxy, dir, url, images, folders, files });
      }),
    {
      hostKeys: ['ed25519'],
      ...server,
      config: [`SetEnv PATH=${programs}`, ...(server.config ?? [])],
    },
  );
}

/** The link has a port of its own, under which the server has to be known, too. */
async function makeKnownBy(sshd: Sshd, port: number): Promise<void> {
  const hosts = path.join(sshd.home, '.ssh', 'known_hosts');
  const known = await readFile(hosts, 'utf8');
  await writeFile(hosts, known + known.replaceAll(knownName(sshd), knownName({ host: '127.0.0.1', port })));
}

export interface StagedUse {
  /** Undefined: the usual folder. */
  readonly dir?: string | undefined;
  readonly user?: string;
  /** Behind the socket in the URL. */
  readonly query?: string;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
  /** Not through the link, which may be cut. */
  readonly isDirect?: boolean;
  /** See `StageFolder`. */
  readonly silence?: number;
}

/** The arguments of an import by way of this folder. */
export function stagedImport(far: StagedFar, site: ImportSite, bundle: MadeBundle): string[] {
  const { sshd, url, dir } = far;
  return [
    ...['import', bundle.dir, '--trusted-keys', site.trusted, '--state', path.join(site.folder, 'state')],
    ...['--to', url, '--stage-dir', dir, '--ssh-config', 'none', '--identity', sshd.identity],
    ...['--known-hosts', path.join(sshd.home, '.ssh', 'known_hosts')],
  ];
}

/** Opens the engine as a target for staging, and closes it afterwards. */
export async function staged<T>(
  far: StagedFar,
  use: (target: ImageTarget) => Promise<T>,
  { user = 'root', query = '', emit = silent, isDirect = false, ...given }: StagedUse = {},
): Promise<T> {
  const dir = 'dir' in given ? given.dir : far.dir;
  const url = isDirect ? far.url.replace(`:${far.proxy.port}`, `:${far.sshd.port}`) : far.url;
  const endpoint = parseSshEndpoint(url.slice('ssh:'.length).replace('root@', `${user}@`) + query);
  const { signal = new AbortController().signal, silence } = given;
  // The link may be cut before anything of a piece has arrived.
  const pauses = Array.from({ length: 40 }, () => 20);
  const waiting = silence === undefined ? {} : { silence };
  const options = { me: userOf(far.sshd), acceptNew: false, emit, signal, pauses, ...waiting };
  const target = await openStagedTarget(endpoint, dir === undefined ? options : { ...options, dir });
  try {
    return await use(target);
  } finally {
    await target.close();
  }
}
