import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, writeOciLayout, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { serveContent } from '../../src/registry/server.ts';
import { buildReport } from '../../src/schema/reports-build.ts';
import { inventoryReport, syncReport, type InventoryReport } from '../../src/schema/reports-hosts.ts';
import { copyReport } from '../../src/schema/reports.ts';
import { buildBase } from '../helpers/build-base.ts';
import { makeTrust, withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { engineKinds, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { freePort } from '../helpers/free-port.ts';
import { makeKnown, sshdNeeds, withSshd, type Sshd } from '../helpers/system-sshd.ts';
import { receiptsOf } from '../helpers/receipts.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { needing } from '../helpers/system-tools.ts';

const base = composeImage({ files: [{ path: 'base', content: noise('base', 200_000) }] });
const custom = composeImage({ base, files: [{ path: 'custom', content: noise('custom', 5000) }] });
const changed = composeImage({ base, files: [{ path: 'custom', content: noise('changed', 5000) }] });

const tool = 'localhost/acme/tool:1.0';
const [baseName, other] = ['docker.io/demisto/base:1.0', 'docker.io/demisto/other:1.0'];

/** Two machines behind SSH servers of their own, with an engine each. */
interface Bench {
  readonly folder: string;
  /** By name, `app1` and `app2`: the endpoint. */
  readonly urls: readonly [string, string];
  /** Gives an engine an image. */
  readonly put: (at: 0 | 1, reference: string, image: ComposedImage) => Promise<void>;
  /** Runs packferry as the user whom both servers let in. */
  readonly run: (...argv: readonly string[]) => Promise<Ran>;
  /** An Ansible inventory of both, with lines behind it. */
  readonly inventory: (more?: string) => Promise<string>;
}

type Engine = Parameters<Parameters<typeof withEngine>[1]>[0];

function hostsTest(
  title: string,
  kinds: readonly [EngineKind | undefined, EngineKind | undefined],
  use: (t: ExecutionContext, bench: Bench) => Promise<void>,
): void {
  const [first, second] = kinds;
  if (first === undefined || second === undefined) throw new RangeError('no such kind of engine');
  test.serial(
    `${first.name} and ${second.name}: ${title}`,
    needing([...new Set([...sshdNeeds, ...first.needs, ...second.needs])], async (t) => {
      await withEngine(first, (one) =>
        withEngine(second, (two) =>
          withSshd((here) =>
            withSshd((there) => withFolder((folder) => onBench(t, folder, [one, two], [here, there], use)), {
              like: here,
            }),
          ),
        ),
      );
    }),
  );
}

async function onBench(
  t: ExecutionContext,
  folder: string,
  engines: readonly [Engine, Engine],
  servers: readonly [Sshd, Sshd],
  use: (t: ExecutionContext, bench: Bench) => Promise<void>,
): Promise<void> {
  for (const { folder: own } of engines) await chmod(own, 0o755);
  await makeKnown(...servers);
  const [{ home, identity }] = servers;
  const urlOf = (at: 0 | 1): string =>
    `ssh://root@127.0.0.1:${servers[at].port}?socket=${engines[at].socket}`;
  const known = path.join(home, '.ssh', 'known_hosts');
  const flags = ['--identity', identity, '--known-hosts', known, '--ssh-config', 'none'];
  const env = { XDG_CACHE_HOME: path.join(folder, 'cache') };
  const line = (at: 0 | 1): string =>
    `app${at + 1} ansible_host=127.0.0.1 ansible_port=${servers[at].port} ansible_user=root packferry_socket=${engines[at].socket}`;
  await use(t, {
    folder,
    urls: [urlOf(0), urlOf(1)],
    put: async (at, reference, image) => {
      const target = await openDockerTarget(await findDocker(`docker:unix://${engines[at].socket}`, {}));
      try {
        await target.deliver(lockComposed(reference, image), composedSource([image]));
      } finally {
        await target.close();
      }
    },
    run: (...argv) => runCli([...argv, ...flags], { env }),
    inventory: async (more = '') => {
      const file = path.join(folder, more === '' ? 'hosts.ini' : 'more.ini');
      await writeFile(file, `[apps]\n${line(0)}\n${line(1)}\n${more}`);
      return file;
    },
  });
}

const [docker, newerDocker, containerd, podman] = engineKinds;

for (const kinds of [
  [docker, podman],
  [containerd, newerDocker],
] as const) {
  hostsTest(
    'a custom image gets from one server to the other, thin, the registry asked first',
    kinds,
    async (t, bench) => {
      const { urls, put, run, folder } = bench;
      await put(0, tool, custom);
      await put(1, baseName, base);
      await writeOciLayout(path.join(folder, 'layout'), [{ reference: other, image: changed }]);
      const registry = await serveContent(await ociLayoutContent(path.join(folder, 'layout')), {
        host: '127.0.0.1',
        port: 0,
      });
      try {
        const from = [
          '--from',
          `registry://${registry.host}`,
          '--plain-http',
          registry.host,
          '--from',
          urls[0],
        ];
        const argv = ['copy', tool, other, ...from, '--to', urls[1]];
        const ran = await run(...argv, '--json');
        t.is(ran.status, 0, ran.stderr);
        const { images, targets } = copyReport.parse(JSON.parse(ran.stdout));
        t.deepEqual(
          images.map(({ reference, source }) => [reference, source]),
          [
            [other, `registry://${registry.host}`],
            [tool, urls[0]],
          ],
        );
        const one = targets[0]?.images.find(({ reference }) => reference === tool);
        t.like(one, { status: 'loaded', reference: tool });
        // The base is there: its layer is not sent.
        t.true(
          (one?.bytesSkipped ?? 0) > 100_000 && (one?.bytesSent ?? Infinity) < 20_000,
          JSON.stringify(one),
        );
        const again = await run(...argv);
        t.is(again.status, 0, again.stderr);
        t.true(again.stderr.includes('2 already present'), again.stderr);
      } finally {
        await registry.close();
      }
    },
  );
}

hostsTest(
  'inventory and sync of a list of hosts, one of them down',
  [docker, newerDocker],
  async (t, bench) => {
    const { put, run, inventory, folder } = bench;
    await put(0, tool, custom);
    await put(0, baseName, base);
    await put(1, baseName, base);
    await put(0, other, custom);
    await put(1, other, changed);
    const hosts = await inventory();

    const file = path.join(folder, 'inventory.json');
    const listed = await run('inventory', '--hosts', hosts, '-o', file);
    t.is(listed.status, 0, listed.stderr);
    const rows = listed.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    t.deepEqual(rows[0], ['IMAGE', 'app1', 'app2']);
    t.deepEqual(
      rows.find(([image]) => image === tool),
      [tool, 'yes', '-'],
    );
    t.deepEqual(
      rows.find(([image]) => image === baseName),
      [baseName, 'yes', 'yes'],
    );
    const ids = [custom, changed].map(({ config }) => config.descriptor.digest.slice(7, 19));
    t.deepEqual(
      rows.find(([image]) => image === other),
      [other, ...ids],
    );
    const { images } = inventoryReport.parse(JSON.parse(await readFile(file, 'utf8')));
    t.deepEqual(
      images.map(({ reference, state, missing }) => [reference, state, missing.join()]),
      [
        [baseName, 'everywhere', ''],
        [other, 'differs', ''],
        [tool, 'missing', 'app2'],
      ],
    );

    // A host that is down: the others are told, and the status says that they are not all.
    const port = await freePort();
    const withDead = await inventory(`dead ansible_host=127.0.0.1 ansible_port=${port}\n`);
    const partly = await run('inventory', '--hosts', withDead, '--images', 'localhost/**', '--json');
    t.is(partly.status, 3, partly.stderr);
    const report = inventoryReport.parse(JSON.parse(partly.stdout));
    t.deepEqual(
      report.images.map(({ reference }) => reference),
      [tool],
    );
    t.is(report.hosts.find(({ name }) => name === 'dead')?.error?.code, 'E_SOURCE_UNREACHABLE');
    const limited = await run('inventory', '--hosts', withDead, '--limit', 'apps:!dead');
    t.is(limited.status, 0, limited.stderr);

    const state = path.join(folder, 'state');
    const [key, signers] = [path.join(folder, 'site_key'), path.join(folder, 'signers')];
    await writeKey(key, signers);
    const witnessed = ['--state', state, '--site-key', key];
    const argv = ['sync', '--images', 'localhost/**', '--images', 'demisto/*', ...witnessed];
    const refused = await run(...argv, '--hosts', withDead);
    t.is(refused.status, 5, refused.stderr);
    t.true(refused.stderr.includes('nothing was brought: 1 of 3 hosts'), refused.stderr);

    const dry = await run(...argv, '--hosts', hosts, '--dry-run', '--json');
    t.is(dry.status, 0, dry.stderr);
    t.is((await receiptsOf(state)).length, 1, 'only the run that was refused has left a receipt');
    const planned = syncReport.parse(JSON.parse(dry.stdout));
    t.deepEqual(planned.targets, []);
    t.deepEqual(
      planned.images.map(({ reference, from, lacked, conflicts }) => [
        reference,
        from,
        lacked.join(),
        conflicts.length,
      ]),
      [
        [baseName, 'app1', '', 0],
        [other, undefined, '', 2],
        [tool, 'app1', 'app2', 0],
      ],
    );
    await t.throwsAsync(readdir(path.join(folder, 'cache')), { code: 'ENOENT' }, 'a dry run saves nothing');

    // Where they are staged is looked at on each host before anything is sent.
    const unstaged = await run(...argv, '--hosts', hosts, '--stage-dir', path.join(folder, 'nowhere'));
    t.is(unstaged.status, 6, unstaged.stderr);
    t.true(unstaged.stderr.includes('E_TARGET_UNWRITABLE'), unstaged.stderr);
    const synced = await run(...argv, '--hosts', hosts, '--stage-dir', folder, '--json');
    t.is(synced.status, 6, synced.stderr);
    t.true(
      synced.stderr.includes('E_TAG_CONFLICT') && synced.stderr.includes('--from ENDPOINT'),
      synced.stderr,
    );
    const { targets } = syncReport.parse(JSON.parse(synced.stdout));
    t.deepEqual(
      targets.map((target) => target.images.map(({ reference, status }) => [reference, status])),
      [[[tool, 'loaded']]],
    );

    // Now app2's images count: the name moves, and the image that had it is kept under another one.
    const settled = await run(
      ...argv,
      '--hosts',
      hosts,
      '--from',
      bench.urls[1],
      '--on-existing',
      'retag',
      '--json',
    );
    t.is(settled.status, 0, settled.stderr);
    const [moved] = syncReport.parse(JSON.parse(settled.stdout)).targets[0]?.images ?? [];
    t.like(moved, { reference: other, status: 'loaded', id: changed.config.descriptor.digest });
    t.regex(moved?.replaced?.keptAs ?? '', /other:1\.0-before-/);

    const done = await run('sync', '--images', 'localhost/**', '--hosts', hosts, ...witnessed);
    t.is(done.status, 0, done.stderr);
    t.true(done.stderr.includes('0 were lacked'), done.stderr);

    // Every run that could have brought something has left a receipt, of each image at each host.
    const receipts = await receiptsOf(state);
    const [first, second] = bench.urls;
    t.deepEqual(
      receipts.map(({ action, outcome }) => [action, outcome.result, outcome.status]),
      [5, 6, 6, 0, 0].map((status) => ['sync', status === 0 ? 'done' : 'failed', status]),
    );
    const told = receipts.map(({ targets }) =>
      targets.map(({ host, name, images: rows, error }) => [
        ...[host, name, error?.code],
        rows.map(({ reference, status }) => `${reference} ${status}`).sort(),
      ]),
    );
    const lost = (host: string, url: string, code: string | undefined): unknown[] => [host, url, code, []];
    t.deepEqual(told[0], [
      lost('app1', first, undefined),
      lost('app2', second, undefined),
      lost('dead', `ssh://127.0.0.1:${port}`, 'E_SOURCE_UNREACHABLE'),
    ]);
    const both = [`${baseName} present`, `${other} failed`];
    t.deepEqual(told[2], [
      ['app1', first, undefined, [...both, `${tool} present`]],
      ['app2', second, undefined, [...both, `${tool} loaded`]],
    ]);
    t.deepEqual(told[3], [
      ['app1', first, undefined, [`${baseName} present`, `${other} loaded`, `${tool} present`]],
      ['app2', second, undefined, [`${baseName} present`, `${other} present`, `${tool} present`]],
    ]);
    t.deepEqual(told[4]?.[1], ['app2', second, undefined, [`${tool} present`]]);
    const brought = receipts[2]?.targets[1]?.images.find(({ reference }) => reference === tool);
    t.is(brought?.id, custom.config.descriptor.digest);
    t.true((brought?.bytesSent ?? 0) > 0 && (brought?.bytesSkipped ?? 0) > 100_000, JSON.stringify(brought));
    t.like(receipts[2]?.unsigned?.images[0], {
      ...{ reference: tool, source: first, config: custom.config.descriptor.digest },
    });
    const { config } = changed;
    t.like(
      receipts[3]?.targets[0]?.images.find(({ reference }) => reference === other),
      {
        id: config.descriptor.digest,
        before: custom.config.descriptor.digest,
      },
    );

    const [line = ''] = (await readFile(signers, 'utf8')).split('\n');
    await writeFile(signers, line.replace('bundle@packferry', 'receipt@packferry'));
    const verified = await runCli(['receipt', 'verify', '--state', state, '--trusted-keys', signers]);
    t.is(verified.status, 0, verified.stderr);
    await withSshKeygen(t, async () => {
      const receipt = path.join(state, 'receipts', 'receipt-000005.json');
      const args = ['-Y', 'verify', '-f', signers, '-I', 'builder', '-n', 'receipt@packferry'];
      const byHand = sshKeygen([...args, '-s', `${receipt}.sig`], {
        ...{ cwd: folder, input: await readFile(receipt) },
      });
      t.true(byHand.ok, byHand.stderr);
    });
  },
);

hostsTest(
  'an image gets from the host on which it was built to the others of a list',
  [docker, podman],
  async (t, { folder, urls, put, run, inventory }) => {
    const from = 'docker.io/demisto/python3-deb:3.12.8.1';
    await put(0, from, await buildBase());
    const port = await freePort();
    const hosts = await inventory(`dead ansible_host=127.0.0.1 ansible_port=${port}\n`);
    const wheels = path.join(folder, 'wheels');
    await mkdir(wheels);
    await writeFile(path.join(wheels, 'requests-2.32.3-py3-none-any.whl'), 'a wheel');
    const state = path.join(folder, 'state');
    const what = ['--from', from, '--python', 'requests', '--wheels', wheels, '--state', state];
    const args = ['build', tool, ...what, '--on', urls[0]];
    const unmeant = await run(...args, '--limit', 'app2');
    t.is(unmeant.status, 2, unmeant.stderr);
    const bringing = [
      '--hosts',
      hosts,
      '--limit',
      'all:!app1',
      '--stage-dir',
      folder,
      '--limit-rate',
      '50MiB',
    ];
    const ran = await run(...args, ...bringing, '--target-timeout', '5m', '--json');
    t.is(ran.status, 6, ran.stderr);
    const { id, targets, base: stoodOn, receipt: written } = buildReport.parse(JSON.parse(ran.stdout));
    t.like(targets[0]?.images[0], { reference: tool, status: 'loaded', id });
    // The dead one keeps nobody from getting it.
    t.like(targets[1]?.images[0], { status: 'pending' });
    t.regex(ran.stderr, /E_SSH_UNREACHABLE/);
    const [receipt, ...more] = await receiptsOf(state);
    t.deepEqual(more, [], 'a command line that was refused leaves none');
    t.is(written?.number, 1);
    t.like(receipt, { action: 'build', outcome: { result: 'failed', status: 6 } });
    t.like(receipt?.built, { reference: tool, id, base: stoodOn });
    t.deepEqual(
      receipt?.targets
        .flatMap(({ images }) => images.map(({ reference, status }) => [reference, status]))
        .sort(),
      [
        [tool, 'loaded'],
        [tool, 'pending'],
      ],
      'in the order in which that was known',
    );
  },
);

hostsTest(
  'what hosts have against a bundle and its lock, whatever their IDs are',
  [containerd, podman],
  async (t, { put, run, inventory, folder }) => {
    await put(0, tool, custom);
    await put(1, tool, custom);
    await put(0, other, changed);
    await put(1, baseName, base);
    const lock = {
      schema: 'packferry.lock/v1',
      name: 'soc',
      platform: { os: 'linux', architecture: 'amd64' },
      images: [lockComposed(tool, custom), lockComposed(other, custom)].map((image) => {
        return { ...image, lockedAt: '2026-11-01T00:00:00Z' };
      }),
    };
    const file = path.join(folder, 'packferry.lock.json');
    await writeFile(file, JSON.stringify(lock));
    const hosts = await inventory();
    const expected = [
      [baseName, 'extra', ['undefined app2'], ['app1']],
      [other, 'differs', ['other app1'], ['app2']],
      [tool, 'everywhere', ['same app1,app2'], []],
    ];
    const compared = async (
      place: string,
      ...more: readonly string[]
    ): Promise<InventoryReport['against']> => {
      const ran = await run('inventory', '--hosts', hosts, '--against', place, ...more, '--json');
      t.is(ran.status, 0, ran.stderr);
      const { images, against } = inventoryReport.parse(JSON.parse(ran.stdout));
      t.deepEqual(
        images.map(({ reference, state, held, missing }) => [
          reference,
          state,
          held.map(({ hosts: names, is }) => `${is} ${names.join()}`).sort(),
          missing,
        ]),
        expected,
      );
      return against;
    };
    t.deepEqual(await compared(file), { kind: 'lock', path: file, name: 'soc' });
    const shown = await run('inventory', '--hosts', hosts, '--against', file);
    t.true(shown.stderr.includes('2 images of lock soc on 2 hosts: 1 on every host'), shown.stderr);
    t.false(shown.stdout.includes(baseName), shown.stdout);

    await withImportSite(async (site) => {
      const { dir } = await site.make('bundle', { [tool]: custom, [other]: custom });
      const about = { kind: 'bundle' as const, path: dir, name: 'test' };
      t.like(await compared(dir), about);
      t.like(await compared(dir, '--trusted-keys', site.trusted), about);
      const text = await run('inventory', '--hosts', hosts, '--against', dir);
      t.true(text.stderr.includes('2 images of bundle test'), text.stderr);

      // Who signed it counts where keys are given; then nothing is told by a bundle that nobody trusted has signed.
      const stranger = path.join(folder, 'stranger');
      await writeFile(stranger, (await makeTrust('stranger')).allowedLine);
      const refused = ['inventory', '--hosts', hosts, '--against', dir, '--trusted-keys'];
      const untrusted = await run(...refused, stranger);
      t.is(untrusted.status, 4, untrusted.stderr);
      t.regex(untrusted.stderr, /error\[E_SIGNER_UNTRUSTED\]/);
      t.is(untrusted.stdout, '');
      const document = path.join(dir, 'bundle.json');
      await writeFile(document, (await readFile(document, 'utf8')).replace('"test"', '"soc"'));
      const changed = await run(...refused, site.trusted);
      t.is(changed.status, 4, changed.stderr);
      t.regex(changed.stderr, /bundle\.json/);
      t.is(changed.stdout, '');
    });
  },
);
