import { access, chmod, chown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { refused } from '../helpers/refused.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { lockComposed } from '../helpers/compose.ts';
import { staged, withStagedFar, type StagedFar, type StagedUse } from '../helpers/staged-far.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { execOk, writeExecutable } from '../helpers/system-exec.ts';
import { composedSource } from '../helpers/system-images.ts';
import { operator, sshdNeeds } from '../helpers/system-sshd.ts';
import { needing, systemTools, type Need } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'app', content: noise('app', 300_000) }] });
const locked = lockComposed('docker.io/demisto/sample:staged', image);
const machine = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const deliver = (far: StagedFar, use: StagedUse = {}): Promise<unknown> =>
  staged(far, (target) => target.deliver(locked, composedSource([image])), use);

/** Tests on one Docker, with a folder that may come first in the PATH there. */
function commandTest(
  title: string,
  needs: readonly Need[],
  use: (t: ExecutionContext, far: StagedFar, bin: string) => Promise<void>,
  options: { readonly only?: boolean; readonly sudoers?: string } = {},
): void {
  const { only = false, ...server } = options;
  const [docker] = engineKinds;
  if (docker === undefined) throw new Error('no engine');
  test.serial(
    title,
    needing([...sshdNeeds, ...docker.needs, ...needs], async (t) => {
      await withFolder(async (folder) => {
        const bin = path.join(folder, 'bin');
        await chmod(folder, 0o755);
        await mkdir(bin);
        const settings = { ...server, path: only ? bin : `${bin}:${machine}` };
        await withStagedFar(docker, (far) => use(t, far, bin), settings);
      });
    }),
  );
}

/** A docker command that does something else first when it is to load. */
async function wrapDocker(bin: string, lines: readonly string[]): Promise<void> {
  const text = `#!/bin/sh\ncase "$*" in *load*)\n${lines.join('\n')}\n;; esac\nexec ${systemTools().path('docker')} "$@"\n`;
  await writeExecutable(path.join(bin, 'docker'), text);
}

commandTest(
  'a cut while it is loaded there: the load goes on, and its end is waited for',
  [],
  async (t, far, bin) => {
    const [calls, go] = [path.join(bin, 'calls'), path.join(bin, 'go')];
    await wrapDocker(bin, [`echo load >> ${calls}`, `while [ ! -e ${go} ]; do sleep 0.1; done`]);
    await staged(far, async (target) => {
      const delivering = target.deliver(locked, composedSource([image]));
      const started = async (): Promise<void> => {
        while (
          !(await access(calls).then(
            () => true,
            () => false,
          ))
        )
          await delay(20);
      };
      await Promise.race([started(), delivering]);
      far.proxy.cut();
      await writeFile(go, '');
      await delivering;
      t.is(await readFile(calls, 'utf8'), 'load\n');
      t.like(await target.confirm(locked), { confirmed: true });
    });
    t.deepEqual(await far.folders(), []);
  },
);

commandTest('an engine that refuses: its own words, and no folder stays', [], async (t, far, bin) => {
  await wrapDocker(bin, [
    'cat > /dev/null',
    'echo "Error processing tar file: invalid tar header" >&2',
    'exit 1',
  ]);
  const error = await refused(t, 'E_LOAD_FAILED', deliver(far));
  t.true(error.message.includes('Error processing tar file'), error.message);
  t.true(error.message.includes(locked.reference), error.message);
  t.deepEqual(await far.folders(), []);

  await wrapDocker(bin, ['cat > /dev/null', 'echo "write /var/lib: no space left on device" >&2', 'exit 1']);
  await refused(t, 'E_TARGET_FULL', deliver(far));
  t.deepEqual(await far.folders(), []);

  await wrapDocker(bin, ['cat > /dev/null', 'exit 0']);
  await refused(t, 'E_LOAD_FAILED', deliver(far));
  t.is(await far.images(), '');
});

/** All that staging calls there, beside what hashes and the command of the engine. */
const needed = [
  'cat',
  'df',
  'find',
  'id',
  'ls',
  'mkdir',
  'mv',
  'nohup',
  'rm',
  'rmdir',
  'sh',
  'sleep',
  'touch',
  'wc',
];

commandTest(
  'a machine without sha256sum: openssl hashes, or busybox; without any, or without docker, it is said',
  ['busybox'],
  async (t, far, bin) => {
    const link = async (name: string, file: string): Promise<void> => symlink(file, path.join(bin, name));
    const find = async (name: string): Promise<string> =>
      (await execOk('sh', ['-c', `command -v ${name}`])).trim();
    for (const name of needed) await link(name, await find(name));

    const none = await refused(t, 'E_TARGET_UNWRITABLE', deliver(far));
    t.true(none.message.includes('SHA-256'), none.message);

    await link('openssl', await find('openssl'));
    const noDocker = await refused(t, 'E_ENGINE_UNREACHABLE', deliver(far));
    t.true(noDocker.message.includes('load'), noDocker.message);
    t.true(noDocker.hint?.includes('--stage'), noDocker.hint);
    t.deepEqual(await far.folders(), []);

    await link('docker', systemTools().path('docker'));
    for (const tool of ['openssl', 'busybox']) {
      await rm(path.join(bin, 'openssl'), { force: true });
      await link(tool, tool === 'busybox' ? systemTools().path('busybox') : await find(tool));
      await deliver(far);
      t.not(await far.images(), '', tool);
      await far.engine.run(['rmi', locked.reference]);
    }
  },
  { only: true },
);

commandTest(
  'by sudo: staged in the cache folder of the user there, loaded by root',
  ['sudo'],
  async (t, far) => {
    const home = path.join(far.sshd.folder, 'operator');
    await chown(home, operator.uid, operator.uid);
    await deliver(far, { user: 'operator', query: '&sudo&engine=docker', dir: undefined });
    t.not(await far.images(), '');
    t.is((await stat(path.join(home, '.cache'))).uid, operator.uid);
    await t.throwsAsync(stat(path.join(home, '.cache', 'packferry-stage')), { code: 'ENOENT' });
  },
  { sudoers: 'operator ALL=(root) NOPASSWD: ALL' },
);
