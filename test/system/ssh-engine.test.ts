import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { parseReference } from '../../src/core/reference.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { connectEngineOverSsh } from '../../src/engine/ssh-connection.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import { refused } from '../helpers/refused.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite } from '../helpers/cli-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withCuttingProxy } from '../helpers/cutting-proxy.ts';
import { overSsh, setPath, type Far } from '../helpers/ssh-engine.ts';
import { noting, userOf } from '../helpers/ssh-user.ts';
import { withDockerd, type Dockerd } from '../helpers/system-dockerd.ts';
import { engineKinds, withEngine } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { makeKnown, sshdNeeds, withSshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

const repository = 'docker.io/demisto/sample';
const imageOf = (name: string, size = 20_000) =>
  composeImage({ files: [{ path: name, content: noise(name, size) }] });

const imagesOf = async ({ engine }: Far): Promise<string> => {
  const told = await engine.run(['images', '--all', '--quiet']);
  return typeof told === 'string' ? told : told.stdout;
};

for (const kind of engineKinds) {
  test.serial(
    `${kind.name} over SSH: in full, thin, and as a source`,
    needing([...sshdNeeds, ...kind.needs], async (t) => {
      await withEngine(kind, (engine) =>
        withSshd(async (sshd) => {
          await makeKnown(sshd);
          const base = imageOf('base');
          const top = composeImage({ base, files: [{ path: 'app', content: noise('app', 3000) }] });
          const [lockedBase, locked] = [
            lockComposed(`${repository}:base`, base),
            lockComposed(`${repository}:app`, top),
          ];
          const { emit, notes } = noting();
          await overSsh(
            { sshd, engine },
            async (target) => {
              const first = await target.deliver(lockedBase, composedSource([base]));
              t.deepEqual(first, { bytesSent: totalSize(blobsOf(lockedBase)), bytesSkipped: 0 });
              await target.survey([locked]);
              const second = await target.deliver(locked, composedSource([top]));
              const shared = totalSize(lockedBase.layers);
              t.deepEqual(second, { bytesSent: totalSize(blobsOf(locked)) - shared, bytesSkipped: shared });
              t.like(await target.confirm(locked), { confirmed: true, id: locked[kind.idOf].digest });
              t.like(await target.survey([locked]), { 0: { state: 'present' } });
            },
            { emit },
          );
          t.true(notes().includes(`by the socket ${engine.socket}`), notes());

          const endpoint = parseSshEndpoint(`//root@127.0.0.1:${sshd.port}?socket=${engine.socket}`);
          const me = userOf(sshd);
          const connection = await connectEngineOverSsh(endpoint, { me, acceptNew: false, emit: silent });
          const source = await openEngineSource(connection, { spoolDir: path.join(sshd.folder, 'spool') });
          const resolved = await source.resolve(parseReference(locked.reference), locked.platform);
          t.deepEqual(
            resolved.layers.map(({ diffId }) => diffId),
            locked.layers.map(({ diffId }) => diffId),
          );
          await source.close();
        }),
      );
    }),
  );
}

/** Tests that share one Docker, each with a server of its own. */
function dockerTest(
  title: string,
  use: (t: ExecutionContext, far: Far) => Promise<void>,
  options: SshdOptions = {},
  needs: readonly Need[] = [],
): void {
  test.serial(
    title,
    needing([...sshdNeeds, 'dockerd', 'docker', 'root', ...needs], async (t) => {
      await withDockerd(async (engine) => {
        // The engine's folder is closed to others, its socket is what this is about.
        await chmod(engine.folder, 0o755);
        await withSshd(
          async (sshd) => {
            await makeKnown(sshd);
            await use(t, { sshd, engine });
          },
          { ...options, config: [setPath, ...(options.config ?? [])] },
        );
      });
    }),
  );
}

const noForwarding = ['AllowStreamLocalForwarding no'];

dockerTest('import --to ssh://: from a bundle to the engine, and again: already present', async (t, far) => {
  const { sshd, engine } = far;
  await withSite(async (site) => {
    t.is((await runCli(site.exporting)).status, 0);
    const to = `ssh://root@127.0.0.1:${sshd.port}?engine=docker&socket=${engine.socket}`;
    const argv = [...site.importing, '--to', to, '--identity', sshd.identity];
    const known = path.join(sshd.home, '.ssh', 'known_hosts');

    // A file of known hosts that does not have it: nothing happens.
    const empty = site.at('no_hosts');
    await writeFile(empty, '');
    const unknown = await runCli([...argv, '--known-hosts', empty]);
    t.is(unknown.status, 6, unknown.stderr);
    t.true(unknown.stderr.includes('E_HOST_KEY_UNKNOWN'), unknown.stderr);
    t.true(unknown.stderr.includes('--accept-new'), unknown.stderr);
    t.is(await readFile(empty, 'utf8'), '');

    const loaded = await runCli([...argv, '--known-hosts', known, '--verbose']);
    t.is(loaded.status, 0, loaded.stderr);
    t.true(loaded.stderr.includes(`by the socket ${engine.socket}`), loaded.stderr);
    for (const reference of siteReferences)
      t.true((await imagesOf(far)).length > 0 && loaded.stdout.includes(reference), loaded.stdout);

    const accepted = await runCli([...argv, '--known-hosts', empty, '--accept-new', '--json']);
    t.is(accepted.status, 0, accepted.stderr);
    t.true(accepted.stderr.includes('added to'), accepted.stderr);
    const report = JSON.parse(accepted.stdout) as {
      targets: { name: string; images: { status: string }[] }[];
    };
    t.deepEqual(
      report.targets[0]?.images.map(({ status }) => status),
      ['present', 'present', 'present'],
    );
    t.is(report.targets[0]?.name, to);
  });
});

dockerTest(
  'a server that does not forward sockets: the docker command there carries the API, and it is said',
  async (t, far) => {
    const image = imageOf('by-command', 3_000_000);
    const locked = lockComposed(`${repository}:command`, image);
    const { emit, notes } = noting();
    await overSsh(
      far,
      async (target) => {
        await target.deliver(locked, composedSource([image]));
        t.like(await target.confirm(locked), { confirmed: true });
        const many = Array.from({ length: 30 }, () => target.confirm(locked));
        t.true(
          (await Promise.all(many)).every(({ confirmed }) => confirmed),
          'more at once than sshd takes',
        );
      },
      { emit },
    );
    t.true(notes().includes('system dial-stdio'), notes());
  },
  { config: noForwarding },
);

dockerTest('a user without a shell: the socket is enough', async (t, far) => {
  await chmod(far.engine.socket, 0o666);
  const image = imageOf('no-shell');
  const locked = lockComposed(`${repository}:no-shell`, image);
  await overSsh(
    far,
    async (target) => {
      await target.deliver(locked, composedSource([image]));
      t.like(await target.confirm(locked), { confirmed: true });
    },
    { user: 'noshell' },
  );
});

dockerTest('a socket that the user may not use: the error says so, and what to do', async (t, far) => {
  const error = await refused(
    t,
    'E_ENGINE_DENIED',
    overSsh(far, () => Promise.resolve(), { user: 'operator' }),
  );
  t.true(error.message.includes(far.engine.socket), error.message);
  t.true(error.hint?.includes('usermod -aG docker'), error.hint);
  t.true(error.hint?.includes('sudo'), error.hint);
});

for (const isAllowed of [true, false]) {
  dockerTest(
    `sudo there ${isAllowed ? 'reaches the engine of root' : 'that wants a password is not waited for'}`,
    async (t, far) => {
      const query = `sudo&engine=docker&socket=${far.engine.socket}`;
      const confirming = overSsh(
        far,
        (target) => target.survey([lockComposed(`${repository}:x`, imageOf('x'))]),
        {
          user: 'operator',
          query,
        },
      );
      if (isAllowed) {
        t.like(await confirming, { 0: { state: 'absent' } });
      } else {
        const error = await refused(t, 'E_ENGINE_DENIED', confirming);
        t.true(error.hint?.includes('NOPASSWD'), error.hint);
      }
    },
    { sudoers: isAllowed ? 'operator ALL=(root) NOPASSWD: ALL' : '' },
    ['sudo'],
  );
}

test.serial(
  'no engine on the far side: all that was tried is told',
  needing(sshdNeeds, async (t) => {
    await withSshd(async (sshd) => {
      await makeKnown(sshd);
      const far = { sshd, engine: { socket: '/nowhere/docker.sock' } as Dockerd };
      const error = await refused(
        t,
        'E_ENGINE_UNREACHABLE',
        overSsh(far, () => Promise.resolve()),
      );
      t.true(error.errors.some(({ message }) => message.includes('/nowhere/docker.sock')));
      t.true(error.hint?.includes('systemctl start'), error.hint);
    });
  }),
);

dockerTest(
  'a connection that breaks in the middle: host and image are named, and nothing stays',
  async (t, far) => {
    const image = imageOf('large', 24_000_000);
    const locked = lockComposed(`${repository}:large`, image);
    await withCuttingProxy(far.sshd, async (proxy) => {
      // The proxy has a port of its own, under which the server has to be known, too.
      const hosts = path.join(far.sshd.home, '.ssh', 'known_hosts');
      const known = await readFile(hosts, 'utf8');
      await writeFile(hosts, known + known.replaceAll(`:${far.sshd.port} `, `:${proxy.port} `));
      await overSsh(
        far,
        async (target) => {
          proxy.after(proxy.sent() + 8_000_000, proxy.cut);
          const errors: PackferryError[] = [];
          const { signal } = new AbortController();
          const options = { dryRun: false, keepGoing: true, jobs: 1, emit: silent, signal };
          const surveyed = [{ image: locked, presence: { state: 'absent' as const } }];
          await deliverImages(target, surveyed, composedSource([image]), errors, options);
          const [error] = errors;
          t.is(error?.code, 'E_SSH_UNREACHABLE', error?.message);
          t.true(error?.message.includes(locked.reference), error?.message);
          t.true(error?.message.includes('ssh://root@127.0.0.1'), error?.message);
        },
        { port: proxy.port },
      );
    });
    t.is(await imagesOf(far), '');
    await overSsh(far, async (target) => {
      t.like(await target.survey([locked]), { 0: { state: 'absent' } });
      await target.deliver(locked, composedSource([image]));
      t.like(await target.confirm(locked), { confirmed: true });
    });
  },
);

dockerTest(
  'Ctrl-C in the middle of a load: the engine keeps nothing, and the connection is gone',
  async (t, far) => {
    const image = imageOf('stopped', 24_000_000);
    const locked = lockComposed(`${repository}:stopped`, image);
    const stop = new AbortController();
    await overSsh(
      far,
      async (target) => {
        const delivering = target.deliver(locked, composedSource([image]), {
          signal: stop.signal,
          onBytes: (bytes) => {
            if (bytes > 4_000_000) stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
          },
        });
        await refused(t, 'E_INTERRUPTED', delivering);
      },
      { signal: stop.signal },
    );
    t.is(await imagesOf(far), '');
  },
);
