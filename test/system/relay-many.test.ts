import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { deliverToTargets, surveyTargets } from '../../src/flows/delivery.ts';
import { copyReport } from '../../src/schema/reports.ts';
import { syncReport } from '../../src/schema/reports-hosts.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { engineKinds, type EngineKind } from '../helpers/system-engine-kinds.ts';
import {
  layersOn,
  put,
  reportOf,
  spooled,
  urlOf,
  wholeOf,
  withEngines,
  withSource,
  withTarget,
  type RelayEngine,
} from '../helpers/system-relay.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

/** More than is kept between the first and the last of those who load. */
const mostly = 12_000_000;
const base = composeImage({ files: [{ path: 'base', content: noise('base', mostly) }] });
const custom = composeImage({ base, files: [{ path: 'custom', content: noise('custom', 300_000) }] });
const [tool, otherTool] = ['localhost/acme/tool:1.0', 'localhost/acme/other:1.0'];
const baseName = 'docker.io/demisto/base:1.0';

const [docker, newerDocker, , podman, newerPodman] = engineKinds as readonly [
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
];

interface Bench {
  readonly folder: string;
  readonly engines: readonly RelayEngine[];
  readonly run: (...argv: readonly string[]) => Promise<Ran>;
}

function enginesTest(
  title: string,
  kinds: readonly EngineKind[],
  use: (t: ExecutionContext, bench: Bench) => Promise<void>,
  needs: readonly Need[] = [],
): void {
  test.serial(
    `${kinds.map(({ name }) => name).join(', ')}: ${title}`,
    needing([...new Set([...kinds.flatMap((kind) => kind.needs), ...needs])], async (t) => {
      await withEngines(kinds, (engines) =>
        withFolder((folder) => {
          const env = { XDG_CACHE_HOME: path.join(folder, 'cache') };
          return use(t, { folder, engines, run: (...argv) => runCli(argv, { env }) });
        }),
      );
    }),
  );
}

enginesTest(
  'one save feeds several loads; one engine is killed in the middle, and the others get all',
  [docker, podman, newerDocker, newerPodman],
  async (t, { folder, engines, run }) => {
    const [from, thin, lost, full] = engines as [RelayEngine, RelayEngine, RelayEngine, RelayEngine];
    await put(from, tool, custom);
    await put(thin, baseName, base);
    let killing: Promise<void> = Promise.resolve();
    const cut = { after: 1_000_000, then: () => (killing = lost.kill()) };
    const counted = path.join(folder, 'counted.sock');
    const killed = path.join(folder, 'killed.sock');
    await withCountingSocket(counted, from.socket, ({ socket, received }) =>
      withCountingSocket(
        killed,
        lost.socket,
        async () => {
          const to = [thin.socket, killed, full.socket].flatMap((one) => ['--to', urlOf(one)]);
          const ran = await run('copy', tool, '--from', urlOf(socket), ...to, '--json');
          await killing;
          t.is(ran.status, 6, ran.stderr);
          const { targets } = copyReport.parse(JSON.parse(ran.stdout));
          t.deepEqual(
            targets.map(({ images: [one] }) => one?.status),
            ['loaded', 'failed', 'loaded'],
          );
          // Whether an engine that dies says something before is its own affair.
          const code = targets[1]?.images[0]?.error?.code ?? '';
          t.true(['E_ENGINE_UNREACHABLE', 'E_LOAD_FAILED'].includes(code), code);
          const sent = targets.map(({ images: [one] }) => one?.bytesSent ?? 0);
          t.true((sent[0] ?? 0) < 400_000, `${sent[0]} bytes to who has the base`);
          t.true((sent[2] ?? 0) > mostly, String(sent[2]));
          const read = received();
          t.true(read > mostly && read < mostly * 1.5, `${read} bytes of the source: one save`);
        },
        cut,
      ),
    );
    for (const engine of [thin, full]) t.deepEqual(await layersOn(engine, tool), wholeOf(custom));
    t.deepEqual(await spooled(folder), []);
  },
);

enginesTest(
  'an engine that stands still holds the others up until its own patience ends, and is the only one to blame',
  [podman, docker],
  async (t, { folder, engines }) => {
    const [from, to] = engines as [RelayEngine, RelayEngine];
    await put(from, tool, custom);
    const stuck = path.join(folder, 'stuck.sock');
    // It takes so much and then nothing more, and does not say why.
    const cut = { after: 1_000_000, then: () => Promise.resolve() };
    const spool = path.join(folder, 'cache', 'spool');
    await withCountingSocket(
      stuck,
      to.socket,
      async () => {
        await withSource(from.socket, spool, (source) =>
          withTarget(to.socket, (good) =>
            withTarget(
              stuck,
              async (still) => {
                const reference = parseReference(tool);
                const image = await source.unpacked?.resolve(reference, defaultPlatform);
                if (image === undefined) return t.fail('the source tells of no unpacked images');
                const { signal } = new AbortController();
                const surveyed = await surveyTargets([still, good], [image], signal);
                const errors: PackferryError[] = [];
                const options = { dryRun: false, keepGoing: true, jobs: 1, emit: silent, signal };
                const targets = await deliverToTargets(surveyed, source, errors, options);
                t.deepEqual(
                  targets.map(({ images: [one] }) => [one?.status, one?.error?.code]),
                  [
                    ['failed', 'E_LOAD_FAILED'],
                    ['loaded', undefined],
                  ],
                );
                t.regex(errors[0]?.message ?? '', /the load went neither forward nor back/);
              },
              { loadIdle: 1500 },
            ),
          ),
        );
      },
      cut,
    );
    t.deepEqual(await layersOn(to, tool), wholeOf(custom));
    t.deepEqual(await spooled(folder), []);
  },
);

const small = composeImage({ files: [{ path: 'base', content: noise('small', 200_000) }] });
const [first, other] = ['first', 'other'].map((path) =>
  composeImage({ base: small, files: [{ path, content: noise(path, 20_000) }] }),
) as [typeof small, typeof small];

enginesTest(
  'over SSH, several images go to several hosts, by copy and by sync, and no file is written',
  [docker, podman, newerPodman],
  async (t, { folder, engines, run }) => {
    const [one, two, three] = engines as [RelayEngine, RelayEngine, RelayEngine];
    for (const { folder: own } of engines) await chmod(own, 0o755);
    await put(one, tool, first);
    await put(two, otherTool, other);
    await withSshd(async (server) => {
      await makeKnown(server);
      const known = path.join(server.home, '.ssh', 'known_hosts');
      const flags = ['--identity', server.identity, '--known-hosts', known, '--ssh-config', 'none', '--json'];
      const url = ({ socket }: RelayEngine): string => `ssh://root@127.0.0.1:${server.port}?socket=${socket}`;
      const to = ['--to', url(two), '--to', url(three)];
      const copied = reportOf(t, await run('copy', tool, '--from', url(one), ...to, ...flags));
      t.deepEqual(
        copied.targets.map(({ images }) => images.map(({ status }) => status)),
        [['loaded'], ['loaded']],
      );
      t.is(copied.images[0]?.manifest, undefined);

      // Each lacks something else: two the second image of one, one and three that of two.
      await put(one, baseName, small);
      const hosts = path.join(folder, 'hosts.ini');
      const lines = engines.map(({ socket }, at) => {
        const place = `ansible_host=127.0.0.1 ansible_port=${server.port} ansible_user=root`;
        return `app${at + 1} ${place} packferry_socket=${socket}`;
      });
      await writeFile(hosts, `${lines.join('\n')}\n`);
      const argv = ['sync', '--images', 'localhost/**', '--images', 'demisto/*', '--hosts', hosts, '--yes'];
      const synced = await run(...argv, ...flags);
      t.is(synced.status, 0, synced.stderr);
      const report = syncReport.parse(JSON.parse(synced.stdout));
      t.deepEqual(
        report.targets.map(({ images }) => images.map(({ reference, status }) => [reference, status])),
        [
          [[otherTool, 'loaded']],
          [[baseName, 'loaded']],
          [
            [baseName, 'loaded'],
            [otherTool, 'loaded'],
          ],
        ],
      );
    });
    for (const engine of engines) {
      t.deepEqual(await layersOn(engine, tool), wholeOf(first));
      t.deepEqual(await layersOn(engine, otherTool), wholeOf(other));
      t.deepEqual(await layersOn(engine, baseName), wholeOf(small));
    }
    t.deepEqual(await spooled(folder), []);
  },
  sshdNeeds,
);
