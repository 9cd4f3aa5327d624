import { chmod, rm } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { copyReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { engineKinds, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import {
  layersOn,
  put,
  reportOf,
  spooled,
  urlOf,
  wholeOf,
  withSource,
  withTarget,
  type RelayEngine,
} from '../helpers/system-relay.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const base = composeImage({ files: [{ path: 'base', content: noise('base', 6_000_000) }] });
const custom = composeImage({ base, files: [{ path: 'custom', content: noise('custom', 300_000) }] });
const tool = 'localhost/acme/tool:1.0';
const baseName = 'docker.io/demisto/base:1.0';

/** Two engines, and packferry with a cache of its own. */
interface Bench {
  readonly folder: string;
  readonly one: RelayEngine;
  readonly two: RelayEngine;
  readonly run: (...argv: readonly string[]) => Promise<Ran>;
}

const [docker, newerDocker, containerd, podman, newerPodman] = engineKinds as readonly [
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
];

function pairTest(
  title: string,
  [first, second]: readonly [EngineKind, EngineKind],
  use: (t: ExecutionContext, bench: Bench) => Promise<void>,
  needs: typeof sshdNeeds = [],
): void {
  test.serial(
    `${first.name} to ${second.name}: ${title}`,
    needing([...new Set([...first.needs, ...second.needs, ...needs])], async (t) => {
      await withEngine(first, (one) =>
        withEngine(second, (two) =>
          withFolder(async (folder) => {
            const env = { XDG_CACHE_HOME: path.join(folder, 'cache') };
            await use(t, { folder, one, two, run: (...argv) => runCli(argv, { env }) });
          }),
        ),
      );
    }),
  );
}

const whole = wholeOf(custom);

for (const kinds of [
  [docker, podman],
  [podman, newerDocker],
  [newerDocker, newerPodman],
] as const) {
  pairTest(
    'an image goes straight through, thin and full, and no file is written',
    kinds,
    async (t, bench) => {
      const { folder, one, two, run } = bench;
      await put(one, tool, custom);
      const counted = path.join(folder, 'counted.sock');
      await withCountingSocket(counted, two.socket, async ({ socket, sent }) => {
        const argv = ['copy', tool, '--from', urlOf(one.socket), '--to', urlOf(socket), '--json'];
        const planned = reportOf(t, await run(...argv, '--dry-run'));
        t.like(planned.targets[0]?.images[0], { status: 'pending' });
        sent();

        const full = reportOf(t, await run(...argv));
        const all = sent();
        const size = full.targets[0]?.images[0]?.bytesSent ?? 0;
        t.true(size > 6_300_000 && size < 6_320_000, String(size));
        t.true(all > size && all < size * 1.01 + 10_000, `${all} bytes for ${size}`);
        t.like(full.images[0], { reference: tool, source: urlOf(one.socket) });
        t.is(full.images[0]?.config.digest, custom.config.descriptor.digest);
        t.is(full.images[0]?.manifest, undefined);
        t.like(full.targets[0]?.images[0], { status: 'loaded', id: custom.config.descriptor.digest });
        t.deepEqual(await layersOn(two, tool), whole);

        sent();
        const again = reportOf(t, await run(...argv));
        t.like(again.targets[0]?.images[0], { status: 'present', bytesSent: 0 });
        t.true(sent() < 10_000);
        // Not all at the same time, so it would be saved into a file; but all have it.
        const more = ['--to', urlOf(one.socket), '--targets-at-once', '1'];
        const both = reportOf(t, await run(...argv, ...more));
        t.deepEqual(
          both.targets.map(({ images }) => images.map(({ status }) => status)),
          [['present'], ['present']],
        );

        await withTarget(
          two.socket,
          (target) => target.withdraw?.(lockComposed(tool, custom), undefined) ?? Promise.resolve(),
        );
        await put(two, baseName, base);
        sent();
        const thin = reportOf(t, await run(...argv));
        const few = sent();
        const { bytesSent = 0, bytesSkipped = 0 } = thin.targets[0]?.images[0] ?? {};
        t.true(bytesSent > 300_000 && bytesSent < 310_000, String(bytesSent));
        t.is(bytesSent + bytesSkipped, size);
        t.true(few < bytesSent * 1.01 + 20_000, `${few} bytes for ${bytesSent}`);
        t.deepEqual(await layersOn(two, tool), whole);
      });
      t.deepEqual(await spooled(folder), []);
    },
  );
}

pairTest(
  'a limit of the rate counts what is sent, and no layers that a target has',
  [docker, podman],
  async (t, { folder, one, two, run }) => {
    await put(one, tool, custom);
    // The first has it already: it is called by another name there, and hardly anything of it need be sent.
    const to = [one, two].flatMap(({ socket }) => ['--to', urlOf(socket)]);
    const began = performance.now();
    const argv = ['copy', tool, '--retag', `${tool}=localhost/acme/tool:all`, '--from', urlOf(one.socket)];
    const { targets } = reportOf(t, await run(...argv, ...to, '--limit-rate', '6MB', '--json'));
    const took = performance.now() - began;
    t.deepEqual(
      targets.map(({ images }) => images.map(({ status }) => status)),
      [['loaded'], ['loaded']],
    );
    const [known = 0, whole = 0] = targets.map(({ images: [image] }) => image?.bytesSent ?? 0);
    t.true(known < 400_000 && whole > 6_300_000, `${known} and ${whole} bytes`);
    // A busy machine may take longer. A tenth of a second is granted at once, and as much waits for nobody at the end.
    const least = (whole * 1000) / 6_000_000 - 200;
    t.true(took >= least, `${took} ms, at least ${least}`);
    t.deepEqual(await spooled(folder), []);
  },
);

pairTest(
  'the source is killed in the middle: the target has nothing, and the next run brings all',
  [docker, podman],
  async (t, { folder, one, two, run }) => {
    await put(one, tool, custom);
    const argv = (socket: string): string[] => [
      'copy',
      tool,
      '--from',
      urlOf(one.socket),
      '--to',
      urlOf(socket),
      '--json',
    ];
    let killing: Promise<void> = Promise.resolve();
    const cut = { after: 1_000_000, then: () => (killing = one.kill()) };
    await withCountingSocket(
      path.join(folder, 'cut.sock'),
      two.socket,
      async ({ socket }) => {
        const ran = await run(...argv(socket));
        await killing;
        t.is(ran.status, 5, ran.stderr);
        const [failed] = copyReport.parse(JSON.parse(ran.stdout)).targets[0]?.images ?? [];
        t.is(failed?.error?.code, 'E_SOURCE_UNREACHABLE', JSON.stringify(failed));
      },
      cut,
    );
    await withSource(two.socket, path.join(folder, 'checked'), async (source) => {
      t.deepEqual(await source.listImages?.(), []);
    });
    await one.start();
    t.like(reportOf(t, await run(...argv(two.socket))).targets[0]?.images[0], { status: 'loaded' });
  },
);

pairTest(
  'an interruption in the middle leaves nothing, here and there',
  [newerPodman, newerDocker],
  async (t, { folder, one, two }) => {
    await put(one, tool, custom);
    await withSource(one.socket, path.join(folder, 'cache', 'spool'), (source) =>
      withTarget(two.socket, async (target) => {
        const image = await source.unpacked?.resolve(parseReference(tool), defaultPlatform);
        if (image === undefined) return t.fail('the source tells of no unpacked images');
        const stop = new AbortController();
        const onBytes = (bytes: number): void => {
          if (bytes > 1_000_000) stop.abort(new Error('enough'));
        };
        const delivering = target.deliver(image, source, { signal: stop.signal, onBytes });
        await t.throwsAsync(delivering, { message: 'enough' });
        const [presence] = await target.survey([image]);
        t.is(presence?.state, 'absent');
        t.deepEqual(presence?.state === 'absent' ? presence.held : undefined, new Set());
      }),
    );
    t.deepEqual(await spooled(folder), []);
  },
);

pairTest(
  'over SSH, with another name; a store that needs manifests still gets one, and gives its own over a file',
  [docker, containerd],
  async (t, { folder, one, two, run }) => {
    for (const { folder: own } of [one, two]) await chmod(own, 0o755);
    await put(one, tool, custom);
    await withSshd(async (server) => {
      await makeKnown(server);
      const known = path.join(server.home, '.ssh', 'known_hosts');
      const flags = ['--identity', server.identity, '--known-hosts', known, '--ssh-config', 'none'];
      const url = ({ socket }: RelayEngine): string => `ssh://root@127.0.0.1:${server.port}?socket=${socket}`;
      const renamed = 'localhost/acme/tool:2.0';
      // What the first source lacks comes from the next one.
      const layout = path.join(folder, 'layout');
      await writeOciLayout(layout, [{ reference: baseName, image: base }]);
      const argv = ['copy', tool, '--from', `oci:${layout}`, '--from', url(one), ...flags, '--json'];
      const same = reportOf(t, await run(...argv, '--to', url(one), '--retag', `${tool}=${renamed}`));
      t.like(same.targets[0]?.images[0], { status: 'loaded', deliveredAs: renamed });
      t.is(same.images[0]?.manifest, undefined);
      t.deepEqual(await spooled(folder), []);
      const other = reportOf(t, await run(...argv, '--to', url(two)));
      t.like(other.targets[0]?.images[0], { status: 'loaded', id: other.images[0]?.manifest?.digest });

      // From that store, to both: the manifest is the one that it has, every layer that is there stays out of it.
      await rm(path.join(folder, 'cache'), { recursive: true });
      const last = 'localhost/acme/tool:3.0';
      const back = ['copy', tool, '--from', url(two), ...flags, '--retag', `${tool}=${last}`, '--json'];
      const both = reportOf(t, await run(...back, '--to', url(one), '--to', url(two)));
      t.is(both.images[0]?.manifest?.digest, other.images[0]?.manifest?.digest);
      t.deepEqual(
        both.targets.map(({ images: [image] }) => [image?.status, image?.id]),
        [
          ['loaded', custom.config.descriptor.digest],
          ['loaded', both.images[0]?.manifest?.digest],
        ],
      );
      for (const { images } of both.targets)
        t.true((images[0]?.bytesSent ?? Infinity) < 10_000, JSON.stringify(images));
      t.true((await spooled(folder)).length > 0);
    });
  },
  sshdNeeds,
);
