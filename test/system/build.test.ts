import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import { connectEngine } from '../../src/engine/connect-engine.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { runCli } from '../helpers/cli-run.ts';
import { buildBase } from '../helpers/build-base.ts';
import { lockComposed, tempDir } from '../helpers/compose.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

const base = 'docker.io/demisto/python3-deb:3.12.8.1';
const name = 'docker.io/acme/tool:1.0';
const wheel = 'requests-2.32.3-py3-none-any.whl';
/** Longer than the name of a file may be in the header of a tar. */
const longWheel = `${'long'.repeat(10)}-1.0-cp312-cp312-manylinux_2_5_x86_64.manylinux1_x86_64.manylinux_2_17_x86_64.whl`;

async function withBase(
  t: ExecutionContext,
  { engine, target }: EngineBench,
  use: (api: Engine, endpoint: string) => Promise<void>,
): Promise<void> {
  const image = await buildBase('soc');
  await target.deliver(lockComposed(base, image), composedSource([image]));
  const endpoint = `docker:unix://${engine.socket}`;
  const api = await connectEngine(await findDocker(endpoint, {}), 30_000);
  t.teardown(() => api.close());
  await use(api, endpoint);
}

/** A file of an image, on one line. The newer Podman runs no container on some machines: there the image is mounted. */
async function contentOf({ engine, kind }: EngineBench, api: Engine, image: string, file: string): Promise<string> {
  if (kind.product === 'docker' || !('command' in engine)) {
    const { words } = await api.run({ image, command: ['cat', file], signal: AbortSignal.timeout(60_000) });
    return words;
  }
  const mounted = (await engine.run(['image', 'mount', image])).trim();
  const text = await readFile(path.join(mounted, file), 'utf8').catch(() => 'no such file');
  return text.trim().replaceAll(/\s+/g, ' ');
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
        // The others are asked what they are.
        ...(bench.kind.name === 'newer Podman' ? ['--package-manager', 'apk'] : []),
      ];
      const read = await runCli([...args, '--dry-run']);
      t.is(read.status, 0, read.stderr);
      t.is(await api.inspect(name), undefined);
      const ran = await runCli([...args, '--json']);
      t.is(ran.status, 0, ran.stderr);
      const report = JSON.parse(ran.stdout) as { id: string; dockerfile: string };
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
      t.is(await contentOf(bench, api, report.id, '/apk.log'), '<add> <--no-cache> <libxml2>');
      t.regex(
        await contentOf(bench, api, report.id, '/pip.log'),
        /<--no-index> <--find-links=\/packferry\/wheels> <requests\[socks\]==2\.32\.3> <tomli ; python_version < '3\.11'> <check>$/,
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
);
