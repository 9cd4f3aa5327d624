import test from 'ava';
import { buildBase, type BuildBaseOptions } from '../helpers/build-base.ts';
import { contentOf } from '../helpers/built-content.ts';
import { runCli } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { connectEngine } from '../../src/engine/connect-engine.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { containerKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

/** What is asked for, and the log of the installer that is there. */
interface Expected {
  readonly system: NonNullable<BuildBaseOptions['system']>;
  readonly packages: readonly string[];
  readonly installer: string;
  readonly log: string;
}

const expected: readonly Expected[] = [
  {
    system: 'debian',
    packages: ['libxml2=2.9.14+dfsg-1.3~deb12u1', 'g++', 'libc6:amd64'],
    installer: 'apt-get',
    log: 'uid=0 <update> frontend= uid=0 <install> <-y> <--no-install-recommends> <--> <libxml2=2.9.14+dfsg-1.3~deb12u1> <g++> <libc6:amd64> frontend=noninteractive',
  },
  {
    system: 'redhat',
    packages: ['libxml2-2.9.13-6.el9', 'libstdc++'],
    installer: 'dnf',
    log: 'uid=0 <install> <-y> <--nodocs> <--setopt=install_weak_deps=0> <libxml2-2.9.13-6.el9> <libstdc++> uid=0 <clean> <all>',
  },
  {
    system: 'redhat minimal',
    packages: ['libxml2'],
    installer: 'microdnf',
    log: 'uid=0 <install> <-y> <--nodocs> <--setopt=install_weak_deps=0> <libxml2> uid=0 <clean> <all>',
  },
];

engineTest(
  'packages of Debian and Red Hat are installed by root with what is there, whoever runs the base',
  async (t, bench) => {
    const { engine, target } = bench;
    const on = `docker:unix://${engine.socket}`;
    const api = await connectEngine(await findDocker(on, {}), 30_000);
    t.teardown(() => api.close());
    for (const { system, packages, installer, log } of expected) {
      const base = `docker.io/acme/${system.replace(' ', '-')}:1`;
      const image = await buildBase({ user: 'soc', system });
      await target.deliver(lockComposed(base, image), composedSource([image]));
      const name = `${base}-built`;
      const args = ['build', name, '--from', base, '--on', on, '--network', 'none', '--json'];
      const wanted = packages.flatMap((one) => ['--package', one]);
      const ran = await runCli([...args, ...wanted]);
      t.is(ran.status, 0, ran.stderr);
      const { id } = JSON.parse(ran.stdout) as { id: string };
      t.is(await contentOf(bench, api, id, `/${installer}.log`), log);
      const held = await api.inspect(name);
      t.is(held?.Config?.User, 'soc');
      t.is(held?.Config?.Labels?.['io.packferry.packages'], packages.join(', '));

      // What apt brings from its mirrors takes room, and microdnf says in its own way that there is nothing.
      if (system === 'debian') {
        const lists = await contentOf(bench, api, id, '/var/lib/apt/lists/packages');
        t.regex(lists, /no such file/i);
      }
      if (system !== 'redhat minimal') continue;
      const failed = await runCli([...args, '--package', 'broken', '--on-existing', 'overwrite']);
      t.is(failed.status, 6, failed.stderr);
      t.true(failed.stdout.includes('E_BUILD_FAILED'), failed.stdout);
      t.true(failed.stdout.includes('The base has no package of this name'), failed.stdout);
      t.is((await api.inspect(name))?.Id, id, 'what was built before keeps its name');
    }
  },
  containerKinds,
);

test('a name of a package that a shell would run gets nowhere near an engine', async (t) => {
  const hostile = ['$(touch /x)', 'a;id', '`id`', '-oAPT::Get::Foo=x', 'a b', 'python3-', '"', 'a\nRUN id'];
  // Nobody listens there: who asks is told so.
  const on = 'docker:unix:///nonexistent/docker.sock';
  for (const manager of [[], ...['apk', 'apt', 'dnf'].map((one) => ['--package-manager', one])]) {
    const wanted = hostile.map((name) => `--package=${name}`);
    const ran = await runCli(['build', 'acme/tool:1.0', '--on', on, ...manager, ...wanted, '--json']);
    t.is(ran.status, 2, ran.stderr);
    const { error } = JSON.parse(ran.stdout) as { error: { code: string; errors?: unknown[] } };
    t.is(error.code, 'E_BUILD_INVALID');
    t.is(error.errors?.length, hostile.length, 'all of them at once');
  }
});
