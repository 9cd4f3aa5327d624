import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { connectEngine } from '../../src/engine/connect-engine.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { buildImage } from '../../src/flows/build/build.ts';
import { readRecipe } from '../../src/flows/build/recipe.ts';
import { inspectReport } from '../../src/schema/reports.ts';
import { buildBase } from '../helpers/build-base.ts';
import { contentOf } from '../helpers/built-content.ts';
import { MemoryOutput, runCli, type RunOptions } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { lockComposed, tempDir } from '../helpers/compose.ts';
import { noting } from '../helpers/ssh-user.ts';
import { commandEnvironmentOf } from '../helpers/system-commands.ts';
import { containerKinds, engineKinds, withEngine } from '../helpers/system-engine-kinds.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';
import { needing } from '../helpers/system-tools.ts';

const base = 'docker.io/demisto/python3-deb:3.12.8.1';
const name = 'docker.io/acme/tool:1.0';
const wheel = 'requests-2.32.3-py3-none-any.whl';
/** Longer than the name of a file may be in the header of a tar. */
const longWheel = `${'long'.repeat(10)}-1.0-cp312-cp312-manylinux_2_5_x86_64.manylinux1_x86_64.manylinux_2_17_x86_64.whl`;

const empty = { python: [], requirements: [], packages: [], checks: true };
const { signal } = new AbortController();

async function withBase(
  t: ExecutionContext,
  { engine, target }: EngineBench,
  use: (api: Engine, endpoint: string) => Promise<void>,
): Promise<void> {
  const image = await buildBase({ user: 'soc' });
  await target.deliver(lockComposed(base, image), composedSource([image]));
  const endpoint = `docker:unix://${engine.socket}`;
  const api = await connectEngine(await findDocker(endpoint, {}), 30_000);
  t.teardown(() => api.close());
  await use(api, endpoint);
}

engineTest(
  'an image is built from wheels and packages of the system, without a network, as its Dockerfile said before',
  async (t, bench) => {
    await withBase(t, bench, async (api, on) => {
      const dir = path.join(await tempDir(t), 'wheels');
      await mkdir(dir);
      await writeFile(path.join(dir, wheel), 'a wheel');
      await writeFile(path.join(dir, longWheel), 'a longer wheel');
      const args = [
        ...['build', 'acme/tool:1.0', '--from', base, '--on', on, '--network', 'none'],
        ...['--python', 'requests[socks] == 2.32.3', '--python', 'tomli ; python_version < "3.11"'],
        ...['--package', 'libxml2', '--wheels', dir],
      ];
      const read = await runCli([...args, '--dry-run']);
      t.is(read.status, 0, read.stderr);
      t.is(await api.inspect(name), undefined);
      const [siteKey, words] = [path.join(dir, '..', 'site_key'), path.join(dir, '..', 'words')];
      await writeKey(siteKey, path.join(dir, '..', 'ignored'), 'open sesame');
      await writeFile(words, 'open sesame\n');
      const locked = await runCli([...args, '--site-key', siteKey, '--passphrase-file', words]);
      t.regex(
        locked.stderr,
        /E_KEY_PASSPHRASE.*\nhint: Give --site-passphrase-file FILE.*--site-key FILE\.pub/,
      );
      const ran = await runCli([...args, '--json', '--site-key', siteKey, '--site-passphrase-file', words]);
      t.is(ran.status, 0, ran.stderr);
      const report = JSON.parse(ran.stdout) as {
        id: string;
        dockerfile: string;
        receipt: { signed: boolean };
      };
      t.true(report.receipt.signed);
      t.is(report.dockerfile, read.stdout);
      const held = await api.inspect(name);
      t.is(held?.Id, report.id);
      t.is(held?.Config?.User, 'soc');
      t.like(held?.Config?.Labels, {
        'org.opencontainers.image.base.name': base,
        'io.packferry.python': "requests[socks]==2.32.3, tomli ; python_version < '3.11'",
        'io.packferry.packages': 'libxml2',
        'io.packferry.wheels': `${longWheel}@${digestOf('a longer wheel')}, ${wheel}@${digestOf('a wheel')}`,
      });
      t.is(await contentOf(bench, api, report.id, '/apk.log'), 'uid=0 <add> <--no-cache> <libxml2>');
      t.regex(
        await contentOf(bench, api, report.id, '/pip.log'),
        /<--no-index> <--find-links=\/packferry\/wheels> <requests\[socks\]==2\.32\.3> <tomli ; python_version < '3\.11'> uid=0 <check>$/,
      );
      // All of both files came there, and is gone.
      const files = await contentOf(bench, api, report.id, '/pip.files');
      t.is(
        files,
        `${hexOf(digestOf('a longer wheel'))} /packferry/wheels/${longWheel} ${hexOf(digestOf('a wheel'))} /packferry/wheels/${wheel}`,
      );
      t.regex(await contentOf(bench, api, report.id, `/packferry/wheels/${wheel}`), /no such file/i);
    });
  },
  containerKinds,
);

engineTest(
  'what fails leaves no name and tells why; a name that is taken stays, or is kept under another one',
  async (t, bench) => {
    await withBase(t, bench, async (api, on) => {
      const build = (more: readonly string[], options: RunOptions = {}) =>
        runCli(['build', name, '--from', base, '--on', on, '--network', 'none', ...more], options);
      const lost = await build(['--python', 'requests', '--from', 'demisto/python3:gone']);
      t.is(lost.status, 5);
      t.true(lost.stderr.includes('error[E_IMAGE_NOT_FOUND]'), lost.stderr);
      t.regex(lost.stderr, /hint: Bring it there first/);
      const untagged = await build(['--python', 'requests', '--from', 'demisto/python3-deb']);
      t.is(untagged.status, 5);
      t.true(untagged.stderr.includes(`hint: It has ${base}: name that with --from`), untagged.stderr);

      const failed = await build(['--python', 'broken==1.0']);
      t.is(failed.status, 6);
      t.regex(failed.stderr, /error\[E_BUILD_FAILED\].*No matching distribution found for broken/);
      t.true(failed.stderr.includes('pip download --only-binary'), failed.stderr);
      t.false(failed.stderr.includes('\u001b'));
      t.is(await api.inspect(name), undefined);

      // Stopped while a command runs.
      const controller = new AbortController();
      const stderr = new MemoryOutput();
      const running = build(['--python', 'sleepy', '-v'], { signal: controller.signal, stderr });
      await stderr.shows(': falling asleep');
      controller.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
      t.is((await running).status, 130);
      t.is(await api.inspect(name), undefined);

      const dir = await tempDir(t);
      const env = { XDG_CACHE_HOME: path.join(dir, 'cache') };
      await writeKey(path.join(dir, 'key'), path.join(dir, 'allowed_signers'));
      const signed = ['--key', path.join(dir, 'key')];
      const bundle = path.join(dir, 'bundle');
      // What is in the way of the bundle is told while there is nothing to lose.
      for (const [wrong, code] of [
        [['--export', bundle], 'E_USAGE'],
        [['--bundle-name', 'tools'], 'E_USAGE'],
        [['--audience', 'site-a'], 'E_USAGE'],
        [['--export', bundle, ...signed, '--expires-after', '2 months'], 'E_USAGE'],
        [['--export', path.join(dir, 'allowed_signers'), ...signed], 'E_OUTPUT_EXISTS'],
        [['--export', bundle, '--key', path.join(dir, 'allowed_signers')], 'E_KEY_'],
      ] as const) {
        const refused = await build(['--python', 'requests==1.0', ...wrong], { env });
        t.true(refused.stderr.includes(`error[${code}`), refused.stderr);
        t.is(await api.inspect(name), undefined);
      }
      const places = ['--to', `oci:${dir}/out`, '--export', bundle, ...signed, '--bundle-name', 'tools'];
      places.push('--audience', 'site-a', '--expires-after', '90d');
      const first = await build(['--python', 'requests==1.0', ...places], { env });
      t.is(first.status, 0, first.stderr);
      const old = await api.inspect(name);
      t.true(first.stdout.includes(old?.Id ?? 'no ID'), first.stdout);
      t.true(first.stderr.includes(`Wrote tools `), first.stderr);
      const carried = await runCli(['inspect', bundle, '--json']);
      t.is(carried.status, 0, carried.stderr);
      t.true(carried.stdout.includes(old?.Id ?? 'no ID'), carried.stdout);
      const terms = inspectReport.parse(JSON.parse(carried.stdout));
      t.deepEqual(terms.audience, ['site-a']);
      t.is(Date.parse(terms.expiresAt ?? '') - Date.parse(terms.createdAt), 90 * 86_400_000);
      const copied = await openOciLayout(path.join(dir, 'out'));
      const locked = await copied.resolve(parseReference(name), defaultPlatform);
      t.deepEqual(
        locked.layers.map(({ diffId }) => diffId),
        old?.RootFS?.Layers,
      );
      await copied.close();

      const taken = await build(['--python', 'requests==2.0']);
      t.is(taken.status, 6);
      t.true(taken.stderr.includes('error[E_TAG_CONFLICT]'), taken.stderr);
      t.is((await api.inspect(name))?.Id, old?.Id);
      const moved = await build(['--python', 'requests==2.0', '--on-existing', 'retag']);
      t.is(moved.status, 0, moved.stderr);
      t.not((await api.inspect(name))?.Id, old?.Id);
      t.is((await api.inspect(`${name}-before-20261123T050000Z`))?.Id, old?.Id);
    });
  },
  engineKinds.filter(({ name: kind }) =>
    ['newer Docker, containerd store', 'installed Docker'].includes(kind),
  ),
);

for (const kind of engineKinds.filter(({ product }) => product === 'podman')) {
  test.serial(
    `${kind.name} by its command: an image is built, and a failure is told in the words of pip`,
    needing(kind.needs, async (t) => {
      await withEngine(kind, async (engine) => {
        const env = await commandEnvironmentOf(kind, engine);
        const api = await connectEngine(await findPodman('podman:?command', env), 30_000);
        const image = await buildBase();
        const target = await openDockerTarget(await findPodman('podman:?command', env));
        await target.deliver(lockComposed(base, image), composedSource([image]));
        const recipe = await readRecipe(
          {
            ...empty,
            name,
            base,
            python: ['requests==2.32.3'],
            packages: ['libxml2'],
            packageManager: 'apk',
          },
          signal,
        );
        // Without a runtime Podman knows no other network than that of the machine.
        const network = kind.options.newer === true ? 'host' : 'none';
        const options = { engine: api, network, onExisting: 'error', dryRun: false } as const;
        const tool = { name: 'packferry', version: '0.0.0' };
        const notes = noting();
        const more = { ...options, tool, verbose: false, emit: notes.emit, signal };
        const report = await buildImage({ ...more, recipe });
        const bench = { kind, engine, target };
        t.is((await api.inspect(name))?.Id, report.id);
        t.is(await contentOf(bench, api, report.id ?? '', '/apk.log'), 'uid=0 <add> <--no-cache> <libxml2>');
        t.regex(notes.notes(), /STEP 1\/\d+: FROM/);
        const broken = await readRecipe({ ...empty, name: 'acme/broken', base, python: ['broken'] }, signal);
        const error = await t.throwsAsync(buildImage({ ...more, recipe: broken }), {
          instanceOf: PackferryError,
        });
        t.is(error.code, 'E_BUILD_FAILED');
        t.true(error.message.includes('No matching distribution found for broken'), error.message);
        await target.close();
        api.close();
      });
    }),
  );
}
