import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { openRegistryTarget } from '../../src/registry/push/target.ts';
import { importReport, type ImportReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { countingReads } from '../helpers/counting-reads.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { withImportSite, type ImportSite, type MadeBundle, type Named } from '../helpers/import-site.ts';
import { stallingSocket } from '../helpers/stalling-socket.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { put, urlOf, withEngines, withTarget, type RelayEngine } from '../helpers/system-relay.ts';
import { needing } from '../helpers/system-tools.ts';

/** More than is kept between the first and the last of those who read. */
const mostly = 12_000_000;
const base = composeImage({ files: [{ path: 'base', content: noise('base', mostly) }] });
const named: Named = {
  'docker.io/demisto/base:1': base,
  'docker.io/demisto/one:1': composeImage({ base, files: [{ path: 'one', content: noise('one', 300_000) }] }),
  'docker.io/demisto/two:1': composeImage({ base, files: [{ path: 'two', content: noise('two', 200_000) }] }),
};
const second: Named = {
  'docker.io/demisto/big:1': composeImage({ files: [{ path: 'big', content: noise('big', mostly) }] }),
  'docker.io/demisto/last:1': composeImage({ files: [{ path: 'last', content: noise('last', 100_000) }] }),
};

interface Once {
  readonly report: ImportReport;
  readonly stderr: string;
  /** How often the archive was read. */
  readonly times: number;
}

/** Imports in one pass into all of these, which has to end with this status. */
async function importOnce(
  t: ExecutionContext,
  { trusted, folder }: ImportSite,
  { dir }: MadeBundle,
  to: readonly string[],
  { status, more = [] }: { status: number; more?: readonly string[] },
): Promise<Once> {
  const archive = path.join(dir, 'images-001.tar');
  const { ino, size } = await stat(archive);
  return countingReads(archive, async (counts) => {
    const targets = to.flatMap((url) => ['--to', url]);
    const trust = ['--trusted-keys', trusted, '--state', path.join(folder, 'state')];
    const ran = await runCli([
      'import',
      dir,
      '--single-pass',
      '--yes',
      '--json',
      ...targets,
      ...trust,
      ...more,
    ]);
    t.is(ran.status, status, ran.stderr);
    const report = importReport.parse(JSON.parse(ran.stdout));
    return { report, stderr: ran.stderr, times: (counts.get(ino) ?? 0) / size };
  });
}

const fates = ({ targets }: ImportReport): unknown =>
  targets.map(({ images }) => images.map((one) => one.status));

const [docker, , , podman] = engineKinds;
if (docker === undefined || podman === undefined) throw new Error('no such engines');

test.serial(
  'import --single-pass into Docker, Podman and a registry: one reading, whatever each lacks, is damaged by, or dies of',
  needing(
    [...new Set([...docker.needs, ...podman.needs]), 'docker-registry'],
    async (t: ExecutionContext) => {
      await withImportSite((site) =>
        withDockerRegistry(({ host }) =>
          withEngines([docker, podman], async (engines) => {
            const [one, two] = engines as [RelayEngine, RelayEngine];
            const registries = new Map([[host, { plainHttp: true }]]);
            const registry = openRegistryTarget(`${host}/soc`, { registries });
            const pushed = `registry://${host}/soc`;
            const first = await site.make('first', named, { sequence: 1 });
            const holding = async (bundle: MadeBundle): Promise<unknown> => {
              const of = async (target: ImageTarget): Promise<readonly string[]> =>
                (await target.survey(bundle.images)).map(({ state }) => state);
              return [await withTarget(one.socket, of), await withTarget(two.socket, of), await of(registry)];
            };

            // One has the base, the others nothing; the last byte of the last layer is wrong.
            await put(one, 'docker.io/demisto/base:1', base);
            const file = path.join(first.dir, 'images-001.tar');
            const good = await readFile(file);
            const layer = named['docker.io/demisto/two:1']?.layers.at(-1)?.bytes ?? Buffer.alloc(0);
            const bad = Buffer.from(good);
            const last = good.indexOf(layer) + layer.length - 1;
            bad.writeUInt8(bad.readUInt8(last) ^ 1, last);
            await writeFile(file, bad);
            const all = [urlOf(one.socket), urlOf(two.socket), pushed];
            const damaged = await importOnce(t, site, first, all, { status: 4 });
            t.deepEqual(fates(damaged.report), [
              ['present', 'loaded', 'failed'],
              ['loaded', 'loaded', 'failed'],
              ['loaded', 'loaded', 'failed'],
            ]);
            t.true(damaged.times >= 1 && damaged.times < 1.1, `read ${damaged.times} times`);
            const there = ['present', 'present', 'absent'];
            t.deepEqual(await holding(first), [there, there, there]);
            const sent = damaged.report.targets.map(({ images }) =>
              images.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
            );
            t.true((sent[0] ?? 0) < mostly / 2, `${sent[0]} bytes to who has the base`);

            // One dies in the middle of a layer, another stands still in it.
            const next = await site.make('second', second, { sequence: 2 });
            const [killed, stuck] = [
              path.join(site.folder, 'killed.sock'),
              path.join(site.folder, 'stuck.sock'),
            ];
            let killing: Promise<void> = Promise.resolve();
            const cut = { after: 3_000_000, then: () => (killing = one.kill()) };
            const stalling = await stallingSocket(stuck, two.socket, 1_000_000);
            const ended = await withCountingSocket(
              killed,
              one.socket,
              () =>
                importOnce(t, site, next, [urlOf(killed), urlOf(stuck), pushed], {
                  status: 6,
                  more: ['--target-timeout', '2s'],
                }),
              cut,
            ).finally(() => stalling.close());
            await killing;
            t.deepEqual(fates(ended.report), [
              ['failed', 'pending'],
              ['failed', 'pending'],
              ['loaded', 'loaded'],
            ]);
            t.true(ended.times >= 1 && ended.times < 1.1, `read ${ended.times} times`);
            t.deepEqual(
              (await registry.survey(next.images)).map(({ state }) => state),
              ['present', 'present'],
            );
            const absent = await withTarget(two.socket, (target) => target.survey(next.images));
            t.deepEqual(
              absent.map(({ state }) => state),
              ['absent', 'absent'],
            );
            await registry.close();
          }),
        ),
      );
    },
  ),
);
