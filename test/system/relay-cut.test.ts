import { chmod, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { formatReference } from '../../src/core/reference.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { MemoryOutput, runCli } from '../helpers/cli-run.ts';
import { withCuttingProxy, type CuttingProxy } from '../helpers/cutting-proxy.ts';
import { runImport } from '../helpers/import-process.ts';
import { settled } from '../helpers/settled.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { writeHosts } from '../helpers/ssh-fleet.ts';
import { engineKinds, startEngine, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import {
  layersOn,
  put,
  reportOf,
  spooled,
  urlOf,
  wholeOf,
  withSource,
  type RelayEngine,
} from '../helpers/system-relay.ts';
import { sessionsOf, sshdNeeds, withSshd, type Sshd } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

const size = 12_000_000;
const image = composeImage({ files: [{ path: 'large', content: noise('large', size) }] });
const name = 'localhost/acme/large:1.0';
const [docker, newerDocker, , podman] = engineKinds as readonly [
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
];
const engines = {
  docker: sharedService(() => startEngine(docker)),
  podman: sharedService(() => startEngine(podman)),
};

/** An image on an engine over a line that can be cut, and an engine without it behind a line of its own. */
interface Lines {
  readonly source: RelayEngine;
  readonly target: RelayEngine;
  readonly sshd: Sshd;
  readonly from: CuttingProxy;
  readonly to: CuttingProxy;
  /** One more, to any engine. */
  readonly also: CuttingProxy;
  readonly urlOfAlso: (engine: RelayEngine) => string;
  /** `copy`, from engine to engine. */
  readonly argv: readonly string[];
  readonly folder: string;
}

interface LinesSetting {
  /** Beside the engines. */
  readonly needs?: readonly Need[];
  /** The engine that has the image. Default: docker. */
  readonly source?: keyof typeof engines;
}

function linesTest(
  title: string,
  use: (t: ExecutionContext, lines: Lines) => Promise<void>,
  { needs = [], source: first = 'docker' }: LinesSetting = {},
): void {
  test.serial(
    title,
    needing([...new Set([...sshdNeeds, ...docker.needs, ...podman.needs, ...needs])], async (t) => {
      const second = first === 'docker' ? 'podman' : 'docker';
      const [source, target] = [await engines[first](), await engines[second]()];
      for (const engine of [source, target]) await chmod(engine.folder, 0o755);
      await put(source, name, image);
      await target.run(['rmi', '--force', name]);
      await withFolder((folder) =>
        withSshd((sshd) =>
          withCuttingProxy(sshd, (from) =>
            withCuttingProxy(sshd, (to) =>
              withCuttingProxy(sshd, async (also) => {
                const proxies = Object.entries({ from, to, also });
                const hosts = proxies.map(([name, { port }]) => ({ name, port }));
                const options = await writeHosts(sshd, hosts);
                const url = (host: string, { socket }: RelayEngine): string =>
                  `ssh://${host}?socket=${socket}`;
                const way = ['--from', url('from', source), '--to', url('to', target)];
                const argv = ['copy', name, ...way, ...options, '--json'];
                const urlOfAlso = (engine: RelayEngine): string => url('also', engine);
                await use(t, { source, target, sshd, from, to, also, urlOfAlso, argv, folder });
              }),
            ),
          ),
        ),
      );
    }),
  );
}

linesTest(
  'from engine to engine over SSH: the line to the source is cut, then that to the target, and the image arrives',
  async (t, { target: engine, from, to, argv, folder }) => {
    const cuts: string[] = [];
    from.afterReceived(3_000_000, () => {
      cuts.push('source');
      from.cut();
      to.after(to.sent() + 5_000_000, () => {
        cuts.push('target');
        to.cut();
      });
    });
    const ran = await runCli(argv, { env: { XDG_CACHE_HOME: path.join(folder, 'cache') } });
    const [copied] = reportOf(t, ran).targets[0]?.images ?? [];
    t.deepEqual(cuts, ['source', 'target']);
    t.like(copied, { status: 'loaded', id: image.config.descriptor.digest });
    const sent = copied?.bytesSent ?? 0;
    t.true(sent > size + 4_000_000, `what was sent in vain counts: ${sent}`);
    t.deepEqual(await layersOn(engine, name), wholeOf(image));
    t.deepEqual(await spooled(folder), []);
  },
);

linesTest(
  'the line to the source is cut while two engines load one save: both get the image',
  async (t, { target: engine, from, argv, folder }) => {
    await withEngine(newerDocker, async (other) => {
      from.afterReceived(3_000_000, () => from.cut());
      const all = [...argv, '--to', urlOf(other.socket)];
      const report = reportOf(t, await runCli(all, { env: { XDG_CACHE_HOME: path.join(folder, 'cache') } }));
      t.deepEqual(
        report.targets.map(({ images }) => images[0]?.status),
        ['loaded', 'loaded'],
      );
      for (const one of [engine, other]) t.deepEqual(await layersOn(one, name), wholeOf(image));
    });
    t.deepEqual(await spooled(folder), []);
  },
  { needs: newerDocker.needs },
);

for (const source of ['docker', 'podman'] as const) {
  linesTest(
    `Ctrl-C in the middle, from ${source} over SSH: nothing is left at either host or here, and the next run brings all`,
    async (t, { source: giving, target: taking, sshd, to, argv, folder }) => {
      const temporary = path.join(folder, 'tmp');
      await mkdir(temporary);
      const here = { XDG_CACHE_HOME: path.join(folder, 'cache'), TMPDIR: temporary };
      const before = [await filesOf(giving), await filesOf(taking)];
      t.false(before.some((files) => files.length === 0));
      const when = (act: () => void): void => to.after(3_000_000, act);
      const stopped = await runImport(argv, { when, signal: 'SIGINT' }, here);
      t.is(stopped.status, 130, stopped.lines.join('\n'));
      t.true(
        stopped.lines.some((line) => line.includes('E_INTERRUPTED')),
        stopped.lines.join('\n'),
      );
      t.true(to.sent() >= 3_000_000 && to.sent() < size, `${to.sent()} of ${size} bytes`);
      t.deepEqual(await settled(() => sessionsOf(sshd), []), []);
      const after = await settled(async () => [await filesOf(giving), await filesOf(taking)], before);
      t.deepEqual(after, before);
      t.deepEqual(await readdir(temporary), []);
      t.deepEqual(await spooled(folder), []);
      const absent = await withSource(taking.socket, path.join(folder, 'seen'), async (seen) =>
        seen.listImages?.(),
      );
      t.false(absent?.some((reference) => formatReference(reference) === name));

      const again = await runImport(argv, undefined, here);
      t.is(again.status, 0, again.lines.join('\n'));
      t.deepEqual(await layersOn(taking, name), wholeOf(image));
      t.deepEqual(await settled(() => sessionsOf(sshd), []), []);
    },
    { source },
  );
}

linesTest('a limit for each target is kept on its line, at every moment', async (t, lines) => {
  const { target, to, also, urlOfAlso, argv, folder } = lines;
  await withEngine(podman, async (other) => {
    await chmod(other.folder, 0o755);
    const rate = 4_000_000;
    const marks = [markedEvery(to, 500_000), markedEvery(also, 500_000)];
    const limited = ['--limit-rate-per-target', '4MB', '--progress', 'json'];
    // It is told before anything is sent.
    const stderr = new MemoryOutput();
    const told = '"started","task":"deliver"';
    const began = stderr.shows(told).then(() => performance.now());
    const env = { XDG_CACHE_HOME: path.join(folder, 'cache') };
    const ran = await runCli([...argv, '--to', urlOfAlso(other), ...limited], { env, stderr });
    const { targets } = reportOf(t, ran);
    t.true(ran.stderr.includes(told), ran.stderr);
    const start = await began;
    t.deepEqual(
      targets.map(({ images }) => images.map(({ status }) => status)),
      [['loaded'], ['loaded']],
    );
    for (const marked of marks) {
      t.true((marked.at(-1)?.bytes ?? 0) > size - 500_000);
      for (const { bytes, at } of marked) {
        // A busy machine may be slower. A tenth of a second is granted at once, and as much waits for nobody at the end; SSH
        // adds less than a fiftieth, and what is asked and agreed upon beforehand.
        const most = (rate * (at - start + 200) * 1.02) / 1000 + 200_000;
        t.true(bytes <= most, `${bytes} bytes after ${at - start} ms, at most ${most}`);
      }
    }
    for (const engine of [target, other]) t.deepEqual(await layersOn(engine, name), wholeOf(image));
  });
});

/** When so many bytes more went towards the server, again and again. */
function markedEvery(
  proxy: CuttingProxy,
  bytes: number,
): readonly { readonly bytes: number; readonly at: number }[] {
  const marks: { readonly bytes: number; readonly at: number }[] = [];
  const next = (): void =>
    proxy.after(proxy.sent() + bytes, () => {
      marks.push({ bytes: proxy.sent(), at: performance.now() });
      next();
    });
  next();
  return marks;
}

/** What lies where an engine keeps its images, and where it unpacks them. */
async function filesOf({ data, folder }: RelayEngine): Promise<readonly string[]> {
  const list = (dir: string): Promise<string[]> => readdir(dir, { recursive: true }).catch(() => []);
  return [...(await list(data)), ...(await list(path.join(folder, 'tmp')))].sort();
}
