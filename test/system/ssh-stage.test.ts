import { readFile, symlink, writeFile, chmod, mkdir, chown, stat } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { pieceSize } from '../../src/engine/stage/far-folder.ts';
import { refused } from '../helpers/refused.ts';
import { runCli } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { runImport } from '../helpers/import-process.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { withSmallDisk } from '../helpers/small-disk.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { noting } from '../helpers/ssh-user.ts';
import {
  staged,
  stagedImport,
  withStagedEngine,
  withStagedFar,
  type StagedFar,
} from '../helpers/staged-far.ts';
import { engineKinds, startEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { operator, sshdNeeds } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const repository = 'docker.io/demisto/sample';
const imageOf = (name: string, size: number) =>
  composeImage({ files: [{ path: name, content: noise(name, size) }] });

const docker = installedDocker();

function installedDocker(): EngineKind {
  const [first] = engineKinds;
  if (first === undefined) throw new Error('no engine');
  return first;
}

/** Its tests bring images of their own each. */
const sharedDocker = sharedService(() => startEngine(docker));

async function withSharedDocker(use: (far: StagedFar) => Promise<void>): Promise<void> {
  await withStagedEngine(await sharedDocker(), use);
}

for (const kind of engineKinds) {
  test.serial(
    `staged on ${kind.name}: in full, then thin, loaded there, and no folder stays`,
    needing([...sshdNeeds, ...kind.needs], async (t) => {
      const withFar = kind === docker ? withSharedDocker : withStagedFar.bind(undefined, kind);
      await withFar(async (far) => {
        const base = imageOf('base', 9_000_000);
        const top = composeImage({ base, files: [{ path: 'app', content: noise('app', 3000) }] });
        const lockedBase = lockComposed(`${repository}:base`, base);
        const locked = lockComposed(`${repository}:app`, top);
        await staged(far, async (target) => {
          const progress: number[] = [];
          const onBytes = (bytes: number): void => void progress.push(bytes);
          const first = await target.deliver(lockedBase, composedSource([base]), { onBytes });
          t.deepEqual(first, { bytesSent: totalSize(blobsOf(lockedBase)), bytesSkipped: 0 });
          t.like(await target.confirm(lockedBase), { confirmed: true, id: lockedBase[kind.idOf].digest });
          t.deepEqual(
            progress,
            [...progress].sort((a, b) => a - b),
          );
          const before = far.proxy.sent();
          await target.survey([locked]);
          const second = await target.deliver(locked, composedSource([top]));
          t.is(second.bytesSkipped, totalSize(lockedBase.layers));
          t.true(far.proxy.sent() - before < 1_000_000, 'what the engine has does not travel');
          t.like(await target.confirm(locked), { confirmed: true, id: locked[kind.idOf].digest });
          t.deepEqual(await far.folders(), []);
        });
      });
    }),
  );
}

/** Tests that need one engine of any kind. */
function stageTest(title: string, use: (t: ExecutionContext, far: StagedFar) => Promise<void>): void {
  test.serial(
    title,
    needing([...sshdNeeds, ...docker.needs], async (t) => {
      await withSharedDocker((far) => use(t, far));
    }),
  );
}

for (const option of ['--limit-rate', '--limit-rate-per-target']) {
  stageTest(`an import by --stage is no faster than ${option}`, async (t, far) => {
    await withImportSite(async (site) => {
      const size = 3_000_000;
      const bundle = await site.make('bundle', {
        [`${repository}:${option.slice(2)}`]: imageOf(option, size),
      });
      const began = performance.now();
      const sent = far.proxy.sent();
      const ran = await runCli([...stagedImport(far, site, bundle), option, '2MB']);
      t.is(ran.status, 0, ran.stderr);
      t.true(far.proxy.sent() - sent >= size, 'all of it went over the link');
      // A busy machine may take longer. A tenth of a second is granted at once, and as much waits for nobody at the end.
      const took = performance.now() - began;
      t.true(took >= (size * 1000) / 2_000_000 - 200, `${took} ms`);
    });
    t.deepEqual(await far.folders(), []);
  });
}

stageTest('ten cuts in the middle of one blob: each time it goes on where it stopped', async (t, far) => {
  const image = imageOf('cut', 40_000_000);
  const locked = lockComposed(`${repository}:cut`, image);
  const { proxy } = far;
  await staged(far, async (target) => {
    let cuts = 0;
    const start = proxy.sent();
    const cutNext = (): void => {
      proxy.after(proxy.sent() + 3_500_000, () => {
        cuts += 1;
        proxy.cut();
        if (cuts < 10) cutNext();
      });
    };
    cutNext();
    await target.deliver(locked, composedSource([image]));
    t.is(cuts, 10);
    const size = totalSize(blobsOf(locked));
    const sent = proxy.sent() - start;
    t.true(sent <= size + 10 * pieceSize, `${sent} bytes for ${size}`);
    t.log(`${sent} bytes for ${size}`);
    t.like(await target.confirm(locked), { confirmed: true });
  });
  t.deepEqual(await far.folders(), []);
});

stageTest(
  'an import that is killed leaves its pieces, and the next one goes on with them',
  async (t, far) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', { [`${repository}:killed`]: imageOf('killed', 24_000_000) });
      const argv = stagedImport(far, site, bundle);
      const before = await far.images();
      const start = far.proxy.sent();
      const killed = await runImport(argv, { when: (act) => far.proxy.after(start + 16_000_000, act) });
      t.is(killed.signal, 'SIGKILL');
      t.is((await far.folders()).length, 1);
      t.is(await far.images(), before);
      const second = far.proxy.sent();
      const done = await runImport(argv);
      t.is(done.status, 0, done.lines.join('\n'));
      t.true(far.proxy.sent() - second < 20_000_000, `${far.proxy.sent() - second} bytes`);
      t.true(
        done.lines.some((line) => line.includes('going on')),
        done.lines.join('\n'),
      );
      t.not(await far.images(), before);
      t.deepEqual(await far.folders(), []);
    });
  },
);

stageTest(
  'Ctrl-C while pieces are under way: no folder stays, and the engine has nothing',
  async (t, far) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', { [`${repository}:stopped`]: imageOf('stopped', 24_000_000) });
      const argv = stagedImport(far, site, bundle);
      const before = await far.images();
      const start = far.proxy.sent();
      const when = (act: () => void): void => far.proxy.after(start + 9_000_000, act);
      const stopped = await runImport(argv, { when, signal: 'SIGINT' });
      t.is(stopped.status, 130, stopped.lines.join('\n'));
      t.deepEqual(await far.folders(), []);
      t.is(await far.images(), before);
    });
  },
);

stageTest(
  'a byte that somebody changed there: the piece is sent again, and nothing wrong is loaded',
  async (t, far) => {
    const image = imageOf('changed', 12_000_000);
    const locked = lockComposed(`${repository}:changed`, image);
    const layer = locked.layers[0];
    if (layer === undefined) throw new Error('no layer');
    const first = `${layer.digest.slice('sha256:'.length)}.0`;
    // Once the first piece is whole it is touched; only then the source gives the rest.
    const touch = async (): Promise<void> => {
      for (;;) {
        const file = (await far.files()).find((one) => path.basename(one) === first);
        if (file === undefined) {
          await delay(20);
          continue;
        }
        const bytes = await readFile(file);
        bytes[1000] = (bytes[1000] ?? 0) ^ 1;
        await writeFile(file, bytes);
        return;
      }
    };
    let isTouched = false;
    const source = composedSource([image], (_, bytes) => {
      async function* slowly(): AsyncGenerator<Buffer> {
        yield bytes.subarray(0, pieceSize);
        if (!isTouched && bytes.length > pieceSize) await touch();
        isTouched ||= bytes.length > pieceSize;
        yield bytes.subarray(pieceSize);
      }
      return Readable.from(slowly());
    });
    const { emit, notes } = noting();
    await staged(
      far,
      async (target) => {
        const before = far.proxy.sent();
        await target.deliver(locked, source);
        t.true(isTouched);
        t.true(notes().includes('is not what was sent'), notes());
        const sent = far.proxy.sent() - before;
        t.true(sent < totalSize(blobsOf(locked)) + 1.5 * pieceSize, 'one piece more, no more');
        t.like(await target.confirm(locked), { confirmed: true });
      },
      { emit },
    );
    t.deepEqual(await far.folders(), []);
  },
);

stageTest(
  'a folder that somebody else planted, or a link, or one that others may write to: refused',
  async (t, far) => {
    const image = imageOf('planted', 10_000);
    const locked = lockComposed(`${repository}:planted`, image);
    const deliver = (dir: string): Promise<unknown> =>
      staged(far, (target) => target.deliver(locked, composedSource([image])), { dir });
    const at = async (name: string, mode = 0o755): Promise<string> => {
      const dir = path.join(far.sshd.folder, name);
      await mkdir(dir);
      await chmod(dir, mode);
      return dir;
    };

    const before = await far.images();
    const planted = await at('planted');
    await mkdir(path.join(planted, 'packferry-stage'), { mode: 0o700 });
    await chown(path.join(planted, 'packferry-stage'), operator.uid, operator.uid);
    const foreign = await refused(t, 'E_TARGET_UNWRITABLE', deliver(planted));
    t.true(foreign.message.includes(String(operator.uid)), foreign.message);

    const linked = await at('linked');
    const elsewhere = await at('elsewhere', 0o700);
    await symlink(elsewhere, path.join(linked, 'packferry-stage'));
    const link = await refused(t, 'E_TARGET_UNWRITABLE', deliver(linked));
    t.true(link.message.includes('a link'), link.message);

    const open = await at('open', 0o777);
    await refused(t, 'E_TARGET_UNWRITABLE', deliver(open));

    const seen = await at('seen');
    await mkdir(path.join(seen, 'packferry-stage'), { mode: 0o755 });
    await refused(t, 'E_TARGET_UNWRITABLE', deliver(seen));

    await refused(t, 'E_TARGET_UNWRITABLE', deliver(path.join(far.sshd.folder, 'nowhere')));
    t.is(await far.images(), before);

    // In a folder like /tmp others cannot take it away.
    const sticky = await at('sticky', 0o1777);
    await deliver(sticky);
    t.not(await far.images(), before);
  },
);

test.serial(
  'a disk without room: refused before anything is sent, and it is said how much is needed',
  needing([...sshdNeeds, ...docker.needs], async (t) => {
    await withFolder(async (folder) => {
      // Mounted before the server starts, which has a view of its own of what is mounted.
      await withSmallDisk(t, folder, 2048, async (dir) => {
        await chmod(dir, 0o755);
        await withSharedDocker(async (far) => {
          const image = imageOf('no-room', 6_000_000);
          const locked = lockComposed(`${repository}:no-room`, image);
          const before = far.proxy.sent();
          const deliver = staged(far, (target) => target.deliver(locked, composedSource([image])), { dir });
          const error = await refused(t, 'E_TARGET_FULL', deliver);
          t.regex(error.message, /2\.0 MiB are free there, and 5\.7 MiB/);
          t.true(error.hint?.includes('--stage-dir'), error.hint);
          t.true(far.proxy.sent() - before < 1_000_000);
          await t.throwsAsync(stat(path.join(dir, 'packferry-stage')), { code: 'ENOENT' });
        });
      });
    });
  }),
);
