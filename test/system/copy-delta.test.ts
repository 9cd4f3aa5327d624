import test, { type ExecutionContext } from 'ava';
import { totalSize } from '../../src/core/image.ts';
import { copyReport, type ImportedImage } from '../../src/schema/reports.ts';
import { withBaseAndDelta, type BaseAndDelta } from '../helpers/base-and-delta.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { withDockerRegistry, type DockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

function copying(
  { trusted, folder }: BaseAndDelta,
  dir: string,
  to: string,
  more: readonly string[] = [],
): Promise<Ran> {
  const site = ['--trusted-keys', trusted, '--state', `${folder}/state`];
  return runCli(['copy', '--all', '--from', `bundle:${dir}`, '--to', to, ...site, ...more, '--json']);
}

/** The images of a copy that has to succeed. */
async function copied(
  t: ExecutionContext,
  ...args: Parameters<typeof copying>
): Promise<readonly ImportedImage[]> {
  const ran = await copying(...args);
  t.is(ran.status, 0, ran.stderr);
  return copyReport.parse(JSON.parse(ran.stdout)).targets.flatMap(({ images }) => images);
}

async function refused(t: ExecutionContext, ...args: Parameters<typeof copying>): Promise<void> {
  const ran = await copying(...args);
  t.is(ran.status, 6, ran.stdout);
  t.regex(ran.stdout, /"E_BASE_MISSING"/);
  t.regex(ran.stdout, /nothing was sent/);
}

const sent = (images: readonly ImportedImage[]): number =>
  images.reduce((sum, { bytesSent }) => sum + bytesSent, 0);

const loaded = (images: readonly ImportedImage[]): boolean =>
  images.every(({ status }) => status === 'loaded' || status === 'present');

async function logged(registry: DockerRegistry, pattern: RegExp): Promise<number> {
  return (await registry.log()).split('\n').filter((line) => pattern.test(line)).length;
}

test.serial(
  'copy of a delta bundle into a registry: refused, lent, or thin with layers from the repositories of its base',
  needing(['docker-registry'], async (t) => {
    await withBaseAndDelta(async (made) => {
      await withDockerRegistry(async (registry) => {
        const at = (prefix: string): string => `registry://${registry.host}/${prefix}`;
        const { base, delta, newer, requires } = made;
        await refused(t, made, delta, at('lent'));
        t.is(await logged(registry, /"(POST|PATCH|PUT) /), 0);
        const lent = await copied(t, made, delta, at('lent'), ['--with', base]);
        t.true(loaded(lent) && lent.length === newer.length);

        // The older one goes first only where nothing newer was accepted.
        await copied(t, made, base, at('thin'), ['--allow-rollback', 'the base of the newer one']);
        const mounts = (): Promise<number> => logged(registry, /"POST \S+mount=\S+ HTTP\/1.1" 201/);
        const lists = (): Promise<number> => logged(registry, /_catalog/);
        const before = { mounts: await mounts(), lists: await lists() };
        // No repository of these has anything: only the names of the base tell where its layers are.
        const thin = await copied(t, made, delta, at('thin'), ['--retag', 'docker.io/demisto/*=apart/*']);
        t.true(loaded(thin));
        t.true((await mounts()) - before.mounts >= requires.length);
        t.is(await lists(), before.lists, 'its repositories need not be listed');
        t.is(sent(lent) - sent(thin), totalSize(requires));
      });
    });
  }),
);

test.serial(
  'copy of a delta bundle into Docker: refused, lent, and thin where the engine has the layers',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withBaseAndDelta(async (made) => {
      await withDockerd(async (docker) => {
        const to = `docker:unix://${docker.socket}`;
        const { base, delta, newer } = made;
        await refused(t, made, delta, to);
        t.is((await docker.run(['images', '-q'])).stdout, '');
        const lent = await copied(t, made, delta, to, ['--with', base]);
        t.true(loaded(lent) && lent.length === newer.length);
        const names = newer.map(({ reference }) => reference);
        t.is((await docker.run(['rmi', ...names.slice(1)])).status, 0);
        // What is left of the first one is what the others stand on.
        const thin = await copied(t, made, delta, to);
        t.true(loaded(thin));
        t.true(sent(thin) <= sent(lent) - totalSize(made.requires));
      });
    });
  }),
);
