import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import type { SshUser } from '../../src/ssh/settings.ts';
import { lockComposed } from '../helpers/compose.ts';
import { overSsh, setPath, usualPath, type Far } from '../helpers/ssh-engine.ts';
import { noting } from '../helpers/ssh-user.ts';
import { quoted, writeProgram } from '../helpers/system-commands.ts';
import type { Dockerd } from '../helpers/system-dockerd.ts';
import { engineKinds, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { inEngineRoot, newerPodman } from '../helpers/system-engine-root.ts';
import { composedSource } from '../helpers/system-images.ts';
import type { Podman } from '../helpers/system-podman.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

/** What is told of each way. */
const ways = {
  socket: /by the socket /,
  dial: /by the command ".* system dial-stdio"/,
  command: /by the command ".* load"/,
} as const;

type WayName = keyof typeof ways;

/** The clients that connect: packferry's own one, and that of OpenSSH. */
const clients: Readonly<Record<string, Partial<SshUser>>> = {
  'own client': {},
  ssh: { command: ['ssh'] },
};

/** In full, thin, confirmed, and present afterwards. */
async function bothKinds(
  t: ExecutionContext,
  far: Far,
  way: WayName,
  client: string,
  query: string,
): Promise<void> {
  const name = `${way}-${client}`;
  const base = composeImage({ files: [{ path: 'base', content: noise(`base-${name}`, 300_000) }] });
  const top = composeImage({ base, files: [{ path: 'app', content: noise(`app-${name}`, 3000) }] });
  const [lockedBase, locked] = [base, top].map((image, at) =>
    lockComposed(`docker.io/demisto/sample:${name.replace(' ', '-')}-${at}`, image),
  ) as [ReturnType<typeof lockComposed>, ReturnType<typeof lockComposed>];
  const { emit, notes } = noting();
  const me = {
    configFile: 'none',
    knownHosts: path.join(far.sshd.home, '.ssh', 'known_hosts'),
    identities: [far.sshd.identity],
    ...clients[client],
  };
  await overSsh(
    far,
    async (target) => {
      const full = await target.deliver(lockedBase, composedSource([base]));
      t.deepEqual(full, { bytesSent: totalSize(blobsOf(lockedBase)), bytesSkipped: 0 }, name);
      t.like(await target.confirm(lockedBase), { confirmed: true });
      await target.survey([locked]);
      const thin = await target.deliver(locked, composedSource([top]));
      const shared = totalSize(lockedBase.layers);
      t.deepEqual(thin, { bytesSent: totalSize(blobsOf(locked)) - shared, bytesSkipped: shared }, name);
      t.like(await target.confirm(locked), { confirmed: true });
      t.like(await target.survey([locked]), { 0: { state: 'present' } });
      // That what it holds can be told there, too.
      t.deepEqual(await target.preflight?.([locked]), []);
    },
    { emit, query, me },
  );
  t.regex(notes(), ways[way], name);
}

/** A folder with the command of the engine, without `dial-stdio`. Podman's works on the storage of the test. */
async function olderCommand({ product }: EngineKind, engine: Dockerd | Podman): Promise<string> {
  const words = 'command' in engine ? engine.command : [systemTools().path('docker')];
  const real = words.map(quoted).join(' ');
  const refusing = 'case "$*" in *dial-stdio*) echo "unknown command" >&2; exit 1;; esac';
  // Without this folder in the PATH, or the program would find itself.
  return writeProgram(engine.folder, product, [refusing, usualPath, `exec ${real} "$@"`]);
}

/** A folder with the command of the newer Podman as it is, which is not the installed one. */
async function ownDial({ name }: EngineKind, { folder }: Dockerd | Podman): Promise<string | undefined> {
  if (name !== 'newer Podman') return undefined;
  const { command, args } = inEngineRoot([folder], { command: newerPodman, args: [] });
  const place = path.join(folder, 'dial');
  await mkdir(place);
  return writeProgram(place, 'podman', [`exec ${[command, ...args].map(quoted).join(' ')} "$@"`]);
}

for (const kind of engineKinds) {
  // The API is the same for the newer ones, over SSH as elsewhere; what their commands say is not.
  const isNewer = !kind.name.startsWith('installed');
  const tried =
    kind.name === 'newer Podman'
      ? (['dial', 'command'] as const)
      : isNewer
        ? (['command'] as const)
        : (['socket', 'dial', 'command'] as const);
  // Which client connects makes no difference to an engine: once is enough.
  const clientsOf = (way: WayName): string[] =>
    kind.name === 'installed Docker' || way === 'socket' ? Object.keys(clients) : ['own client'];
  test.serial(
    `${kind.name} over SSH: in full and thin, by ${tried.join(', ')}`,
    needing([...sshdNeeds, ...kind.needs, 'ssh'], async (t) => {
      await withEngine(kind, async (engine) => {
        const bin = await olderCommand(kind, engine);
        for (const way of tried) {
          const own = way === 'command' ? bin : await ownDial(kind, engine);
          const config = [
            own === undefined ? setPath : setPath.replace('=', `=${own}:`),
            `AllowStreamLocalForwarding ${way === 'socket' ? 'yes' : 'no'}`,
          ];
          // Podman's command alone knows no socket.
          const isAlone = kind.product === 'podman' && way === 'command';
          const query = `engine=${kind.product}${isAlone ? '' : `&socket=${engine.socket}`}`;
          await withSshd(
            async (sshd) => {
              await makeKnown(sshd);
              for (const client of clientsOf(way)) await bothKinds(t, { sshd, engine }, way, client, query);
            },
            { config, hostKeys: ['ed25519'] },
          );
        }
      });
    }),
  );
}
