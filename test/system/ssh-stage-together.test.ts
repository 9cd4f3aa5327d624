import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import type { Emit } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import type { Delivery, ImageSource } from '../../src/core/ports.ts';
import { pieceSize } from '../../src/engine/stage/far-folder.ts';
import { lockComposed } from '../helpers/compose.ts';
import { runImport } from '../helpers/import-process.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { sharedService } from '../helpers/shared-service.ts';
import {
  staged,
  stagedImport,
  withStagedEngine,
  type StagedFar,
  type StagedUse,
} from '../helpers/staged-far.ts';
import { engineKinds, startEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { sshdNeeds } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const repository = 'docker.io/demisto/sample';
const [docker] = engineKinds as readonly [EngineKind];
const sharedDocker = sharedService(() => startEngine(docker));

/** An image that no other test brings. */
interface Brought {
  readonly image: ComposedImage;
  readonly reference: string;
  readonly size: number;
}

function togetherTest(
  title: string,
  name: string,
  use: (t: ExecutionContext, far: StagedFar, brought: Brought) => Promise<void>,
): void {
  test.serial(
    title,
    needing([...sshdNeeds, ...docker.needs], async (t) => {
      const image = composeImage({ files: [{ path: name, content: noise(name, 24_000_000) }] });
      const reference = `${repository}:${name}`;
      const size = totalSize(blobsOf(lockComposed(reference, image)));
      await withStagedEngine(await sharedDocker(), async (far) => {
        await use(t, far, { image, reference, size });
        t.deepEqual(await far.folders(), []);
      });
    }),
  );
}

/** Resolves when a whole piece of a layer lies there. */
async function hasPiece(far: StagedFar): Promise<void> {
  for (;;) {
    const files = (await far.files()).filter((file) => /[.]0$/.test(file));
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    if (sizes.includes(pieceSize)) return;
    await delay(50);
  }
}

/** Something that happens once. */
function moment(): { readonly comes: Promise<void>; readonly is: () => void } {
  let is: () => void = () => undefined;
  const comes = new Promise<void>((resolve) => (is = resolve));
  return { comes, is };
}

/** Calls back when a run waits for another one. */
function whenWaiting(act: () => void): Emit {
  return (event) => {
    if (event.type === 'note' && /another packferry \(on .+\) stages the same image/.test(event.message))
      act();
  };
}

/** A source of the image of which all but the first piece comes later. */
function slowly(image: ComposedImage, begun: () => void, later: Promise<void>): ImageSource {
  return composedSource([image], (_, bytes) => {
    const stream = new Readable({ read: () => undefined });
    stream.push(bytes.subarray(0, pieceSize));
    const isLarge = bytes.length > pieceSize;
    if (isLarge) begun();
    void (isLarge ? later : Promise.resolve()).then(() => {
      if (stream.destroyed) return;
      if (isLarge) stream.push(bytes.subarray(pieceSize));
      stream.push(null);
    });
    return stream;
  });
}

/** Brings the image in a run of its own, and has it confirmed. */
async function bring(
  t: ExecutionContext,
  far: StagedFar,
  { image, reference }: Brought,
  { source = composedSource([image]), ...use }: StagedUse & { readonly source?: ImageSource } = {},
): Promise<Delivery> {
  return staged(
    far,
    async (target) => {
      const locked = lockComposed(reference, image);
      const signal = use.signal === undefined ? {} : { signal: use.signal };
      const delivery = await target.deliver(locked, source, signal);
      t.like(await target.confirm(locked), { confirmed: true });
      return delivery;
    },
    use,
  );
}

togetherTest(
  'two imports of the same image at the same time: both end well, and it goes there once',
  'imports',
  async (t, far, { image, reference, size }) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', { [reference]: image });
      const before = far.proxy.sent();
      const ended = await Promise.all(
        ['one', 'two'].map((name) =>
          runImport([...stagedImport(far, site, bundle), '--state', path.join(site.folder, name)]),
        ),
      );
      for (const { status, lines } of ended) t.is(status, 0, lines.join('\n'));
      const sent = far.proxy.sent() - before;
      t.true(sent > size && sent < 1.2 * size, `${sent} bytes for ${size}`);
    });
  },
);

togetherTest(
  'who comes second waits, is told of the other one, and sends nothing',
  'second',
  async (t, far, brought) => {
    const [begun, waits] = [moment(), moment()];
    const first = bring(t, far, brought, { source: slowly(brought.image, begun.is, waits.comes) });
    await Promise.race([begun.comes, first]);
    const second = await bring(t, far, brought, { emit: whenWaiting(waits.is) });
    t.is((await first).bytesSent, brought.size);
    t.deepEqual(second, { bytesSent: 0, bytesSkipped: brought.size });
  },
);

togetherTest(
  'the first one is killed while the second one waits: that one goes on with what is there, at once',
  'killed',
  async (t, far, brought) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', { [brought.reference]: brought.image });
      const stopped = moment();
      let kill: () => void = () => undefined;
      const when = (act: (signal?: NodeJS.Signals) => void): void => {
        kill = act;
        far.proxy.after(far.proxy.sent() + 16_000_000, () => {
          act('SIGSTOP');
          stopped.is();
        });
      };
      const first = runImport(stagedImport(far, site, bundle), { when });
      await Promise.race([stopped.comes, first]);
      const before = far.proxy.sent();
      await bring(t, far, brought, { emit: whenWaiting(() => kill()) });
      t.is((await first).signal, 'SIGKILL');
      const sent = far.proxy.sent() - before;
      t.true(sent < brought.size - pieceSize, `${sent} bytes of ${brought.size}`);
    });
  },
);

togetherTest(
  'the first one is silent for too long: the second one takes the folder, and the first one, when it goes on, finds the image there',
  'silent',
  async (t, far, brought) => {
    await withImportSite(async (site) => {
      const bundle = await site.make('bundle', { [brought.reference]: brought.image });
      const stopped = moment();
      let goOn: () => void = () => undefined;
      const when = (act: (signal?: NodeJS.Signals) => void): void => {
        goOn = () => act('SIGCONT');
        far.proxy.after(far.proxy.sent() + 9_000_000, () => {
          act('SIGSTOP');
          stopped.is();
        });
      };
      const first = runImport(stagedImport(far, site, bundle), { when });
      await Promise.race([stopped.comes, first]);
      try {
        await bring(t, far, brought, { silence: 1 });
      } finally {
        goOn();
      }
      const { status, lines } = await first;
      t.is(status, 0, lines.join('\n'));
      t.true(
        lines.some((line) => line.includes('another packferry has gone on with it')),
        lines.join('\n'),
      );
    });
  },
);

togetherTest(
  'the connection of the first one is cut while the second one waits: the folder changes hands, and both end well',
  'cut',
  async (t, far, brought) => {
    const [begun, later] = [moment(), moment()];
    const first = bring(t, far, brought, { source: slowly(brought.image, begun.is, later.comes) });
    await Promise.race([begun.comes, first]);
    // Nothing is asked for over the old connection any more before the second one is done.
    const second = await bring(t, far, brought, { isDirect: true, emit: whenWaiting(far.proxy.cut) });
    later.is();
    t.is(second.bytesSent, brought.size);
    t.deepEqual(await first, { bytesSent: 0, bytesSkipped: brought.size });
  },
);

togetherTest(
  'Ctrl-C of the one that waits leaves the other one alone; after Ctrl-C of the one that works the next one goes on with what is there',
  'stopped',
  async (t, far, brought) => {
    const [working, waiting] = [new AbortController(), new AbortController()];
    const begun = moment();
    const never = new Promise<void>(() => undefined);
    const source = slowly(brought.image, begun.is, never);
    const first = bring(t, far, brought, { source, signal: working.signal });
    await Promise.race([begun.comes, first]);
    const [name = ''] = await far.folders();
    const stopped = new Error('stopped');
    const emit = whenWaiting(() => waiting.abort(stopped));
    await t.throwsAsync(bring(t, far, brought, { emit, signal: waiting.signal }), { is: stopped });
    t.deepEqual(await far.folders(), [name]);
    await hasPiece(far);
    const before = far.proxy.sent();
    const next = bring(t, far, brought, { emit: whenWaiting(() => working.abort(stopped)) });
    await t.throwsAsync(first, { is: stopped });
    await next;
    const sent = far.proxy.sent() - before;
    t.true(
      sent < brought.size - pieceSize / 2,
      `${sent} bytes of ${brought.size}: what was there is not sent again`,
    );
  },
);

togetherTest(
  'Ctrl-C of the one that works and of the one that waits, at the same time: nothing stays',
  'both-stopped',
  async (t, far, brought) => {
    const begun = moment();
    const stop = new AbortController();
    const stopped = new Error('stopped');
    const source = slowly(brought.image, begun.is, new Promise<void>(() => undefined));
    const first = bring(t, far, brought, { source, signal: stop.signal });
    await Promise.race([begun.comes, first]);
    await hasPiece(far);
    const emit = whenWaiting(() => stop.abort(stopped));
    const second = bring(t, far, brought, { emit, signal: stop.signal });
    await t.throwsAsync(first, { is: stopped });
    await t.throwsAsync(second, { is: stopped });
    // What ends there with the connections takes a moment.
    while ((await far.folders()).length > 0) await delay(50);
  },
);

togetherTest(
  'one run brings an image under two names',
  'names',
  async (t, far, { image, reference, size }) => {
    const both = [reference, `${reference}-too`].map((name) => lockComposed(name, image));
    const before = far.proxy.sent();
    await staged(far, async (target) => {
      await Promise.all(both.map((locked) => target.deliver(locked, composedSource([image]))));
      for (const locked of both) t.like(await target.confirm(locked), { confirmed: true });
    });
    t.true(far.proxy.sent() - before < 2.2 * size);
  },
);
