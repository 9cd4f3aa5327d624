import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { silent, type Emit } from '../../src/core/events.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { openStagedTarget } from '../../src/engine/stage/staged-target.ts';
import { withCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';
import { userOf } from './ssh-user.ts';
import type { Dockerd } from './system-dockerd.ts';
import { withEngine, type EngineKind } from './system-engine-kinds.ts';
import type { Podman } from './system-podman.ts';
import { makeKnown, withSshd, type Sshd, type SshdOptions } from './system-sshd.ts';

/** An engine on a far machine, behind a link that can be cut. */
export interface StagedFar {
  readonly sshd: Sshd;
  readonly engine: Dockerd | Podman;
  readonly proxy: CuttingProxy;
  /** `--stage-dir`: a folder of root there. */
  readonly dir: string;
  /** `ssh://...` through the proxy. */
  readonly url: string;
  /** The images that the engine has, as it prints them. */
  readonly images: () => Promise<string>;
  /** The folders of images that are being staged. */
  readonly folders: () => Promise<readonly string[]>;
  /** The files in them, with their paths. */
  readonly files: () => Promise<readonly string[]>;
}

/** Calls `use` with a private engine, server and link, all of which are ended afterwards. */
export async function withStagedFar<T>(
  kind: EngineKind,
  use: (far: StagedFar) => Promise<T>,
  options: SshdOptions = {},
): Promise<T> {
  return withEngine(kind, (engine) =>
    withSshd(
      (sshd) =>
        withCuttingProxy(sshd.port, async (proxy) => {
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
            return (typeof told === 'string' ? told : told.stdout).trim();
          };
          const url = `ssh://root@127.0.0.1:${proxy.port}?socket=${engine.socket}`;
          return use({ sshd, engine, proxy, dir, url, images, folders, files });
        }),
      {
        ...options,
        // Commands are found where this machine has them.
        config: [
          'SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          ...(options.config ?? []),
        ],
      },
    ),
  );
}

/** The link has a port of its own, under which the server has to be known, too. */
async function makeKnownBy(sshd: Sshd, port: number): Promise<void> {
  const hosts = path.join(sshd.home, '.ssh', 'known_hosts');
  const known = await readFile(hosts, 'utf8');
  await writeFile(hosts, known + known.replaceAll(`:${sshd.port} `, `:${port} `));
}

export interface StagedUse {
  readonly dir?: string;
  readonly user?: string;
  readonly emit?: Emit;
  readonly stop?: AbortController;
}

/** Opens the engine as a target for staging, and closes it afterwards. */
export async function staged<T>(
  { sshd, url, dir: usual }: StagedFar,
  use: (target: ImageTarget) => Promise<T>,
  { dir = usual, user = 'root', emit = silent, stop = new AbortController() }: StagedUse = {},
): Promise<T> {
  const endpoint = parseSshEndpoint(url.slice('ssh:'.length).replace('root@', `${user}@`));
  const { signal } = stop;
  // The link may be cut before anything of a piece has arrived.
  const pauses = Array.from({ length: 40 }, () => 20);
  const options = { me: userOf(sshd), acceptNew: false, emit, signal, pauses, dir };
  const target = await openStagedTarget(endpoint, options);
  try {
    return await use(target);
  } finally {
    await target.close();
  }
}
