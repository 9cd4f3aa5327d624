import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { noise } from '../../bin/demo/sample-images.ts';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import { connectEngine } from '../../src/engine/connect-engine.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { buildReport } from '../../src/schema/reports-build.ts';
import { importReport, verifyReport } from '../../src/schema/reports.ts';
import { buildBase } from '../helpers/build-base.ts';
import { contentOf } from '../helpers/built-content.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { MemoryOutput, runCli, type Ran, type RunOptions } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { withStagedFar, type StagedFar } from '../helpers/staged-far.ts';
import { engineKinds, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { put, urlOf } from '../helpers/system-relay.ts';
import { operator, sshdNeeds } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const base = 'docker.io/demisto/python3-deb:3.12.8.1';
const name = 'localhost/acme/tool:1.0';
const wheel = 'requests-2.32.3-py3-none-any.whl';
/** Does not fit into what a connection has on its way. */
const large = noise('wheel', 6_000_000);

interface Bench {
  readonly far: StagedFar;
  readonly at: (...parts: readonly string[]) => string;
  /** The engine, asked where it is. */
  readonly api: Engine;
  /** `build` of the image on the far engine, from wheels in `wheels`. */
  readonly build: (more: readonly string[], options?: RunOptions, on?: string) => Promise<Ran>;
}

function farTest(
  title: string,
  kind: EngineKind | undefined,
  use: (t: ExecutionContext, bench: Bench) => Promise<void>,
): void {
  if (kind === undefined) throw new RangeError('no such kind of engine');
  test.serial(
    `${kind.name} over SSH: ${title}`,
    needing([...new Set([...kind.needs, ...sshdNeeds, 'busybox' as const])], async (t) => {
      await withStagedFar(kind, (far) =>
        withFolder(async (folder) => {
          const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
          await mkdir(at('wheels'));
          await writeFile(at('wheels', wheel), large);
          await put(far.engine, base, await buildBase({ user: 'soc' }));
          const api = await connectEngine(await findDocker(urlOf(far.engine.socket), {}), 30_000);
          const { home, identity } = far.sshd;
          const known = path.join(home, '.ssh', 'known_hosts');
          const flags = ['--identity', identity, '--known-hosts', known, '--ssh-config', 'none'];
          const from = ['--from', base, '--network', 'none', '--wheels', at('wheels')];
          const env = { XDG_CACHE_HOME: at('cache') };
          try {
            await use(t, {
              ...{ far, at, api },
              build: (more, options = {}, on = far.url) =>
                runCli(['build', name, ...from, '--on', on, ...flags, ...more], { env, ...options }),
            });
          } finally {
            api.close();
          }
        }),
      );
    }),
  );
}

const [docker, , , podman] = engineKinds;
const wanted = ['--python', 'requests==2.32.3', '--package', 'libxml2'];

for (const kind of [docker, podman]) {
  farTest(
    'read first, then built from wheels that are sent along, and written into a bundle that the engine knows',
    kind,
    async (t, { far, at, api, build }) => {
      const read = await build([...wanted, '--dry-run']);
      t.is(read.status, 0, read.stderr);
      t.regex(read.stdout, /^# Written by packferry for localhost\/acme\/tool:1\.0\.\nFROM /);
      t.true(far.proxy.sent() < large.length, 'no wheel is sent to be looked at');
      t.is(await api.inspect(name), undefined);

      await writeKey(at('key'), at('allowed_signers'));
      const writing = ['--export', at('bundle'), '--key', at('key')];
      const ran = await build([...wanted, ...writing, '--json']);
      t.is(ran.status, 0, ran.stderr);
      const { id = '', dockerfile, bundle } = buildReport.parse(JSON.parse(ran.stdout));
      t.is(dockerfile, read.stdout);
      t.true(far.proxy.sent() > large.length);
      const held = await api.inspect(name);
      t.is(held?.Id, id);
      t.is(held?.Config?.User, 'soc');
      t.like(held?.Config?.Labels, {
        'org.opencontainers.image.base.name': base,
        'io.packferry.python': 'requests==2.32.3',
        'io.packferry.packages': 'libxml2',
        'io.packferry.wheels': `${wheel}@${digestOf(large)}`,
      });
      const here = { engine: far.engine, kind: kind ?? podman } as Parameters<typeof contentOf>[0];
      t.is(
        await contentOf(here, api, id, '/pip.files'),
        `${hexOf(digestOf(large))} /packferry/wheels/${wheel}`,
      );

      t.like(bundle, { name: 'acme-tool', status: 'written', totals: { images: 1 } });
      const trust = ['--trusted-keys', at('allowed_signers'), '--state', at('state'), '--json'];
      const verified = await runCli(['verify', at('bundle'), '--deep', ...trust]);
      t.is(verified.status, 0, verified.stderr);
      t.is(verifyReport.parse(JSON.parse(verified.stdout)).name, 'acme-tool');
      const imported = await runCli(['import', at('bundle'), '--to', urlOf(far.engine.socket), ...trust]);
      t.is(imported.status, 0, imported.stderr);
      const [target] = importReport.parse(JSON.parse(imported.stdout)).targets;
      t.like(target?.images[0], { reference: name, status: 'present', bytesSent: 0 });
    },
  );
}

farTest(
  'the connection breaks while wheels are sent, and while a command runs: told, and nothing has the name',
  docker,
  async (t, { far, api, build }) => {
    const { proxy } = far;
    proxy.after(proxy.sent() + 3_000_000, () => proxy.cut());
    const sending = await build(wanted);
    t.is(sending.status, 6, sending.stderr);
    t.regex(
      sending.stderr,
      /error\[E_(?:ENGINE|SSH)_UNREACHABLE\]: localhost\/acme\/tool:1\.0: not built: .*(?:lost|broke)/,
    );
    t.is(await api.inspect(name), undefined);

    const stderr = new MemoryOutput();
    const running = build(['--python', 'sleepy', '-v'], { stderr });
    await stderr.shows(': falling asleep');
    proxy.cut();
    t.is((await running).status, 6);
    t.regex(
      stderr.text,
      /error\[E_(?:ENGINE|SSH)_UNREACHABLE\]: localhost\/acme\/tool:1\.0: not built: .*(?:lost|broke)/,
    );
    t.is(await api.inspect(name), undefined);
    const again = await build(wanted);
    t.is(again.status, 0, again.stderr);
    t.not(await api.inspect(name), undefined);
  },
);

farTest(
  'somebody who may not use the engine is told so before anything is sent',
  docker,
  async (t, { far, api, build }) => {
    const on = far.url.replace('root@', `${operator.name}@`);
    const ran = await build(wanted, {}, on);
    t.is(ran.status, 6, ran.stderr);
    t.regex(ran.stderr, /error\[E_ENGINE_DENIED\]/);
    t.regex(ran.stderr, /hint: /);
    t.true(far.proxy.sent() < large.length);
    t.is(await api.inspect(name), undefined);
  },
);
