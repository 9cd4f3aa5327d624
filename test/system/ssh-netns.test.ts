// Hosts in network namespaces of their own, behind links of the kernel that lose packets and have a rate. Delay is that of a
// program before one of them: this needs no netem, which not every kernel has.
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { startHelper } from '../../bin/bench/export/helper-process.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { totalSize, blobsOf } from '../../src/core/image.ts';
import { importReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { setPath } from '../helpers/ssh-engine.ts';
import { writeHosts } from '../helpers/ssh-fleet.ts';
import { staged, withStagedEngine } from '../helpers/staged-far.ts';
import type { Dockerd } from '../helpers/system-dockerd.ts';
import { engineKinds, startEngine } from '../helpers/system-engine-kinds.ts';
import { execOk } from '../helpers/system-exec.ts';
import { composedSource } from '../helpers/system-images.ts';
import { startPodman, type Podman } from '../helpers/system-podman.ts';
import { sshdNeeds, startSshd, withSshd, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing, systemTools, type Need } from '../helpers/system-tools.ts';
import { withUser } from '../helpers/system-user.ts';

const needs: readonly Need[] = [...sshdNeeds, 'network-namespaces', 'podman'];

const imageOf = (name: string, size: number) =>
  composeImage({ files: [{ path: name, content: noise(name, size) }] });

/** An import by the command line, without a question. */
const importing = ({ trusted }: ImportSite, { dir }: MadeBundle, to: readonly string[]): string[] => [
  ...['import', dir, '--trusted-keys', trusted, '--json', '--yes'],
  ...to.flatMap((endpoint) => ['--to', endpoint]),
];

type Statuses = readonly (readonly string[])[];

/** What became of each image at each target, and whether it was confirmed there. */
const statusesIn = (stdout: string): Statuses =>
  importReport.parse(JSON.parse(stdout)).targets.map(({ images }) => images.map(({ status }) => status));

/** For tests with one host, which bring images of their own each. */
const sharedPodman = sharedService(() => startPodman());

/** The names of all images that an engine tells. */
const namesOf = (told: string): readonly string[] =>
  told
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^docker\.io\//, ''))
    .sort();

const listing = ['images', '--format', '{{.Repository}}:{{.Tag}}'];

async function namesIn(engine: Dockerd | Podman, like = /./): Promise<readonly string[]> {
  const told = await engine.run(listing);
  return namesOf(typeof told === 'string' ? told : told.stdout).filter((name) => like.test(name));
}

test.serial(
  'a link that loses 2 % and has 4 MB/s, then the same with a round trip of 40 ms: all is loaded and confirmed',
  needing(needs, async (t) => {
    const engine = await sharedPodman();
    await withSshd(
      (sshd) =>
        withImportSite(async (site) => {
          const far = await startHelper('../ssh/delay-link.js', [sshd.port, 40, sshd.host]);
          try {
            const options = await writeHosts(sshd, [
              { name: 'near' },
              { name: 'far', port: Number(far.line) },
            ]);
            for (const name of ['near', 'far']) {
              const bundle = await site.make(name, {
                [`docker.io/demisto/${name}:1`]: imageOf(`${name}-1`, 1_000_000),
                [`docker.io/demisto/${name}:2`]: imageOf(`${name}-2`, 1_000_000),
              });
              const lost = (await sshd.link?.lost()) ?? 0;
              const to = [`ssh://${name}?socket=${engine.socket}`];
              const ran = await runCli([...importing(site, bundle, to), ...options]);
              t.is(ran.status, 0, ran.stderr);
              t.deepEqual(statusesIn(ran.stdout), [['loaded', 'loaded']]);
              t.true(((await sshd.link?.lost()) ?? 0) > lost, 'packets were lost');
            }
            t.deepEqual(await namesIn(engine, /far|near/), [
              'demisto/far:1',
              'demisto/far:2',
              'demisto/near:1',
              'demisto/near:2',
            ]);
          } finally {
            await far.stop();
          }
        }),
      { hostKeys: ['ed25519'], link: { loss: 0.02, rate: '32mbit' } },
    );
  }),
);

test.serial(
  '--ssh-command ssh over a link that loses 2 %: all is loaded and confirmed',
  needing([...needs, 'ssh'], async (t) => {
    const engine = await sharedPodman();
    await withSshd(
      (sshd) =>
        withImportSite(async (site) => {
          const options = await writeHosts(sshd, [{ name: 'host' }]);
          const bundle = await site.make('bundle', {
            'docker.io/demisto/client:1': imageOf('client-1', 1_000_000),
            'docker.io/demisto/client:2': imageOf('client-2', 1_000_000),
          });
          const argv = importing(site, bundle, [`ssh://host?socket=${engine.socket}`]);
          const ssh = ['--ssh-command', 'ssh -o GlobalKnownHostsFile=none'];
          const ran = await runCli([...argv, ...options, ...ssh]);
          t.is(ran.status, 0, ran.stderr);
          t.deepEqual(statusesIn(ran.stdout), [['loaded', 'loaded']]);
          t.true(((await sshd.link?.lost()) ?? 0) > 0);
          t.deepEqual(await namesIn(engine, /client/), ['demisto/client:1', 'demisto/client:2']);
        }),
      { hostKeys: ['ed25519'], link: { loss: 0.02 } },
    );
  }),
);

test.serial(
  'staged over a link that loses 5 %, with a cut: it goes on, is confirmed, and no folder stays',
  needing(needs, async (t) => {
    const image = imageOf('staged', 5_000_000);
    const locked = lockComposed('docker.io/demisto/staged:1', image);
    const engine = await sharedPodman();
    await withStagedEngine(
      engine,
      async (far) => {
        await staged(far, async (target) => {
          let cuts = 0;
          far.proxy.after(far.proxy.sent() + 3_000_000, () => {
            cuts += 1;
            far.proxy.cut();
          });
          await target.deliver(locked, composedSource([image]));
          t.is(cuts, 1);
          t.like(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
        });
        t.true(((await far.sshd.link?.lost()) ?? 0) > 0);
        t.deepEqual(await far.folders(), []);
        t.true(((await far.sshd.link?.sent()) ?? 0) > totalSize(blobsOf(locked)));
      },
      { link: { loss: 0.05 } },
    );
  }),
);

/** One machine of the fleet. */
interface Machine {
  readonly name: string;
  readonly sshd: Sshd;
  /** What follows `ssh://HOST?`. */
  readonly query: string;
  readonly names: () => Promise<readonly string[]>;
}

/** Starts everything at once, hands it over, and ends all of it, also when some of it did not start. */
async function withAll<S extends { readonly stop: () => Promise<void> }, T>(
  starting: readonly Promise<S>[],
  use: (all: readonly S[]) => Promise<T>,
): Promise<T> {
  const started = await Promise.allSettled(starting);
  const all = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const failed = started.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return await use(all);
  } finally {
    await Promise.all(all.map((one) => one.stop()));
  }
}

/** Docker with either store as far as this machine has it, and Podman for all others. */
function startEngines(count: number): Promise<Dockerd | Podman>[] {
  const wanted = ['installed Docker', 'newer Docker, containerd store'];
  const kinds = engineKinds.filter(
    ({ name, needs: those }) => wanted.includes(name) && systemTools().missing(those).length === 0,
  );
  return Array.from({ length: count }, (_, at) => {
    const kind = kinds[at];
    return kind === undefined ? startPodman() : startEngine(kind);
  });
}

test.serial(
  'eight hosts in eight networks at once, one lossy and one gone in the middle: it is given up and named, the others have all',
  needing([...needs, 'sudo', 'useradd', 'newuidmap'], async (t) => {
    await withUser((user) =>
      withAll(startEngines(7), async (engines) => {
        const common: SshdOptions = { hostKeys: ['ed25519'], config: [setPath] };
        // Slow enough to be in the middle still when it goes.
        const first = await startSshd({ ...common, link: { rate: '4mbit' } });
        const links = [{ loss: 0.02 }, ...Array.from({ length: 6 }, () => ({}))];
        const others = links.map((link) => startSshd({ ...common, link, like: first, user }));
        await withAll([Promise.resolve(first), ...others], (servers) =>
          withImportSite(async (site) => {
            const machines = servers.map((sshd, at): Machine => {
              const engine = engines.at(-1 - at);
              if (engine !== undefined)
                return {
                  name: `host${at}`,
                  sshd,
                  query: `socket=${engine.socket}`,
                  names: () => namesIn(engine),
                };
              const podman = ['-n', '-H', '-u', user.name, 'podman', ...listing];
              return {
                name: `host${at}`,
                sshd,
                query: `engine=podman&as=${user.name}`,
                names: async () => namesOf(await execOk('sudo', podman, { cwd: '/' })),
              };
            });
            const impatient = ['ServerAliveInterval 2', 'ServerAliveCountMax 3', 'ConnectTimeout 8'];
            const options = await writeHosts(
              first,
              machines.map(({ name, sshd }) => ({
                name,
                server: sshd,
                settings: sshd === first ? impatient : [],
              })),
            );
            const bundle = await site.make('bundle', {
              'docker.io/demisto/fleet:1': imageOf('fleet-1', 2_000_000),
              'docker.io/demisto/fleet:2': imageOf('fleet-2', 2_000_000),
            });
            const to = machines.map(({ name, query }) => `ssh://${name}?${query}`);
            const argv = [...importing(site, bundle, to), ...options, '--retries', '1'];
            const ended = new AbortController();
            const running = runCli(argv).finally(() => ended.abort());
            while (!ended.signal.aborted && ((await first.link?.sent()) ?? 0) < 700_000) await delay(20);
            await first.link?.takeDown();
            const ran = await running;
            t.is(ran.status, 6, ran.stderr);
            t.regex(ran.stderr, /error\[E_SSH_UNREACHABLE\]: ssh:\/\/host0.*: docker\.io\/demisto\/fleet:/);
            t.notRegex(ran.stderr, /error\[\w+\]: ssh:\/\/host[1-7]/);
            const [gone = [], ...rest] = statusesIn(ran.stdout);
            t.false(gone.includes('loaded'), ran.stdout);
            t.deepEqual(
              rest,
              rest.map(() => ['loaded', 'loaded']),
            );
            const held = await Promise.all(machines.map(({ names }) => names()));
            t.deepEqual(held, [[], ...rest.map(() => ['demisto/fleet:1', 'demisto/fleet:2'])]);
            t.true(((await servers[1]?.link?.lost()) ?? 0) > 0, 'packets were lost');
          }),
        );
      }),
    );
  }),
);
