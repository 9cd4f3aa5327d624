import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withCuttingProxy, type CuttingProxy } from '../helpers/cutting-proxy.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { engineKinds, startEngine, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import {
  layersOn,
  put,
  reportOf,
  spooled,
  urlOf,
  wholeOf,
  type RelayEngine,
} from '../helpers/system-relay.ts';
import { knownName, makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'large', content: noise('large', 12_000_000) }] });
const name = 'localhost/acme/large:1.0';
const [docker, newerDocker, , podman] = engineKinds as readonly [
  EngineKind,
  EngineKind,
  EngineKind,
  EngineKind,
];
const source = sharedService(() => startEngine(docker));
const target = sharedService(() => startEngine(podman));

/** An image on an engine over a line that can be cut, and an engine without it behind a line of its own. */
interface Lines {
  readonly target: RelayEngine;
  readonly from: CuttingProxy;
  readonly to: CuttingProxy;
  /** `copy`, from engine to engine. */
  readonly argv: readonly string[];
  readonly folder: string;
}

function linesTest(
  title: string,
  use: (t: ExecutionContext, lines: Lines) => Promise<void>,
  needs: readonly Need[] = [],
): void {
  test.serial(
    title,
    needing([...new Set([...sshdNeeds, ...docker.needs, ...podman.needs, ...needs])], async (t) => {
      const [one, two] = [await source(), await target()];
      for (const engine of [one, two]) await chmod(engine.folder, 0o755);
      await put(one, name, image);
      await two.run(['rmi', '--force', name]);
      await withFolder((folder) =>
        withSshd(async (sshd) => {
          await makeKnown(sshd);
          await withCuttingProxy(sshd, (from) =>
            withCuttingProxy(sshd, async (to) => {
              const known = path.join(sshd.home, '.ssh', 'known_hosts');
              const keys = await readFile(known, 'utf8');
              const at = ({ port }: CuttingProxy): string =>
                keys.replaceAll(knownName(sshd), knownName({ host: '127.0.0.1', port }));
              await writeFile(known, keys + at(from) + at(to));
              const url = ({ port }: CuttingProxy, { socket }: RelayEngine): string =>
                `ssh://root@127.0.0.1:${port}?socket=${socket}`;
              const argv = [
                ...['copy', name, '--from', url(from, one), '--to', url(to, two), '--json'],
                ...['--identity', sshd.identity, '--known-hosts', known, '--ssh-config', 'none'],
              ];
              await use(t, { target: two, from, to, argv, folder });
            }),
          );
        }),
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
    t.true(sent > 12_000_000 + 4_000_000, `what was sent in vain counts: ${sent}`);
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
  newerDocker.needs,
);
