import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { totalSize, uniqueBlobs } from '../../src/core/image.ts';
import { pieceSize } from '../../src/engine/stage/far-folder.ts';
import { importReport, type ImportReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { countingReads } from '../helpers/counting-reads.ts';
import { withCuttingProxy } from '../helpers/cutting-proxy.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { writeHosts, type FleetHost } from '../helpers/ssh-fleet.ts';
import { namesIn, startPodmans, type Podman } from '../helpers/system-podman.ts';
import { sshdNeeds, withSshd, type Sshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const sharedPodmans = sharedService(() => startPodmans(8));
const programs = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** One of several hosts with an engine and a disk of its own. */
interface Host {
  readonly podman: Podman;
  readonly address: string;
  readonly url: string;
  /** What lies in the cache folder of the user there; it is not there before something was staged. */
  readonly staged: () => Promise<readonly string[]>;
}

interface Fleet {
  readonly hosts: readonly Host[];
  readonly sshd: Sshd;
  readonly site: ImportSite;
}

/** Eight addresses of one server: at each of them the user has a home of its own, as on hosts of their own. */
function fleetTest(title: string, use: (t: ExecutionContext, fleet: Fleet) => Promise<void>): void {
  test.serial(
    title,
    needing([...sshdNeeds, 'podman'], async (t) => {
      const { podmans } = await sharedPodmans();
      const hosts = podmans.map((podman, at): Host => {
        const url = `ssh://engine${at}?socket=${podman.socket}`;
        const staged = (): Promise<readonly string[]> => readdir(path.join(podman.folder, '.cache'));
        return { podman, address: `127.0.0.${at + 2}`, url, staged };
      });
      const config = [
        ...hosts.map(({ address }) => `ListenAddress ${address}`),
        ...hosts.flatMap(({ address, podman }) => [
          `Match LocalAddress ${address}`,
          `SetEnv PATH=${programs} HOME=${podman.folder}`,
        ]),
      ];
      await withSshd((sshd) => withImportSite((site) => use(t, { hosts, sshd, site })), {
        hostKeys: ['ed25519'],
        config,
      });
    }),
  );
}

/** Brings a bundle to hosts by `--stage`, which has to end with this status. */
async function stageTo(
  t: ExecutionContext,
  { sshd, site, hosts }: Fleet,
  { dir }: MadeBundle,
  {
    status = 0,
    more = [],
    first = {},
  }: { status?: number; more?: string[]; first?: Partial<FleetHost> } = {},
): Promise<{ readonly report: ImportReport; readonly stderr: string }> {
  const named = hosts.map(({ address, url }, at) => ({
    ...{ name: new URL(url).host, address },
    ...(at === 0 ? first : {}),
  }));
  const ran = await runCli([
    ...['import', dir, '--trusted-keys', site.trusted, '--state', path.join(site.folder, 'state')],
    ...['--json', '--yes', '--stage', '--progress', 'plain', ...more],
    ...hosts.flatMap(({ url }) => ['--to', url]),
    ...(await writeHosts(sshd, named)),
  ]);
  t.is(ran.status, status, ran.stderr);
  return { report: importReport.parse(JSON.parse(ran.stdout)), stderr: ran.stderr };
}

const imageOf = (name: string, size: number) =>
  composeImage({ files: [{ path: name, content: noise(name, size) }] });

fleetTest(
  'eight hosts at once by --stage: all have the images, of the medium nothing is read twice for them, and nothing stays there',
  async (t, fleet) => {
    const base = imageOf('staged-base', 5_000_000);
    const names = ['a', 'b'].map((name) => `docker.io/demisto/staged:${name}`);
    const bundle = await fleet.site.make(
      'bundle',
      Object.fromEntries(
        names.map((name) => [
          name,
          composeImage({ base, files: [{ path: 'app', content: noise(name, 500_000) }] }),
        ]),
      ),
    );
    const archive = path.join(bundle.dir, 'images-001.tar');
    const { ino, size } = await stat(archive);
    await countingReads(archive, async (counts) => {
      const { report } = await stageTo(t, fleet, bundle);
      // Once to verify it, once for all hosts: it is less than what is kept for those that come later.
      const times = (counts.get(ino) ?? 0) / size;
      t.true(times > 1.9 && times < 2.1, `read ${times} times`);
      t.is(report.targets.length, 8);
      for (const { images } of report.targets) {
        t.deepEqual(
          images.map((image) => image.status),
          ['loaded', 'loaded'],
        );
        const sent = images.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
        t.is(sent, totalSize(uniqueBlobs(bundle.images)), 'the base goes there once');
      }
    });
    for (const { podman, staged } of fleet.hosts) {
      t.deepEqual(await namesIn(podman), names);
      t.deepEqual(await staged(), []);
    }
  },
);

fleetTest(
  'a host that stands still in the middle of --stage is given up after --target-timeout, the others get everything, and the next run goes on with its pieces',
  async (t, all) => {
    const fleet = { ...all, hosts: all.hosts.slice(0, 3) };
    const [hung, ...good] = fleet.hosts;
    if (hung === undefined) throw new Error('no host');
    const size = 20_000_000;
    const name = 'docker.io/demisto/staged:hung';
    const bundle = await fleet.site.make('bundle', { [name]: imageOf('staged-hung', size) });
    const hasIt = (): Promise<readonly boolean[]> =>
      Promise.all(fleet.hosts.map(async ({ podman }) => (await namesIn(podman)).includes(name)));
    await withCuttingProxy({ host: hung.address, port: fleet.sshd.port }, async (proxy) => {
      proxy.after(12_000_000, proxy.stall);
      const first = { port: proxy.port };
      const { report, stderr } = await stageTo(t, fleet, bundle, {
        ...{ status: 6, first },
        more: ['--target-timeout', '10s'],
      });
      t.regex(
        stderr,
        /error\[E_SSH_UNREACHABLE\]: docker\.io\/demisto\/staged:hung: ssh:\/\/engine0.*: for 10 s nothing got any further there\nhint: .* goes on where it stopped/,
      );
      t.is(stderr.split('error[').length, 2, stderr);
      t.regex(stderr, /engine0.*packferry-stage\/[0-9a-f]{32}: stays there, the next run goes on with it/);
      t.deepEqual(
        report.targets.map(({ images }) => images[0]?.status),
        ['failed', 'loaded', 'loaded'],
      );
    });
    t.deepEqual(await hasIt(), [false, true, true]);
    for (const { staged } of good) t.deepEqual(await staged(), []);
    t.deepEqual(await hung.staged(), ['packferry-stage']);

    await withCuttingProxy({ host: hung.address, port: fleet.sshd.port }, async (proxy) => {
      const first = { port: proxy.port };
      const { report, stderr } = await stageTo(t, fleet, bundle, { first });
      t.deepEqual(
        report.targets.map(({ images }) => images[0]?.status),
        ['loaded', 'present', 'present'],
      );
      t.true(proxy.sent() < size - 2 * pieceSize, `${proxy.sent()} bytes once more of ${size}`);
      t.regex(stderr, /going on, .* are there/);
    });
    t.deepEqual(await hasIt(), [true, true, true]);
    t.deepEqual(await hung.staged(), []);
  },
);
