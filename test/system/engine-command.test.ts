import { Readable } from 'node:stream';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { parseReference } from '../../src/core/reference.ts';
import { lockComposed } from '../helpers/compose.ts';
import { commandTest } from '../helpers/system-commands.ts';
import { savedLayers } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

const repository = 'docker.io/demisto/sample';
const base = composeImage({ files: [{ path: 'os', content: noise('os', 20_000) }] });
const top = composeImage({ base, files: [{ path: 'app', content: noise('app', 3000) }] });
const other = composeImage({ files: [{ path: 'other', content: noise('other', 3000) }] });
const lockedBase = lockComposed(`${repository}:base`, base);
const locked = lockComposed(`${repository}:app`, top);

commandTest(
  'loads, sends only what is missing, confirms, and moves names as by the API',
  async (t, bench) => {
    const { target, kind } = bench;
    const digest = (image: typeof locked): string => image[kind.idOf].digest;
    t.deepEqual(await target.survey([locked]), [{ state: 'absent', held: new Set() }]);
    t.like(await target.confirm(locked), { confirmed: false });
    await target.deliver(lockedBase, composedSource([base]));
    t.like(await target.confirm(lockedBase), { confirmed: true, id: digest(lockedBase) });

    // The base is found among the images there, and the archive goes without it.
    const shared = totalSize(lockedBase.layers);
    await target.survey([locked]);
    const sent = { bytesSent: totalSize(blobsOf(locked)) - shared, bytesSkipped: shared };
    t.deepEqual(await target.deliver(locked, composedSource([top])), sent);
    t.like(await target.confirm(locked), { confirmed: true, id: digest(locked) });
    t.deepEqual(
      await savedLayers(bench, locked),
      locked.layers.map(({ diffId }) => diffId),
    );
    t.like(await target.survey([locked]), [{ state: 'present' }]);

    // A name that stands for another image, which is set aside.
    const moved = lockComposed(`${repository}:app`, other);
    t.like(await target.survey([moved]), [{ state: 'conflict', holder: digest(locked) }]);
    const aside = `${repository}:app-before`;
    await target.setAside?.(digest(locked), parseReference(aside));
    await target.deliver(moved, composedSource([other]), { replaces: digest(locked) });
    t.like(await target.confirm(moved), { confirmed: true });
    t.like(await target.confirm({ ...locked, reference: aside }), { confirmed: true });
    await target.withdraw?.(moved, digest(locked));
    t.like(await target.confirm(locked), { confirmed: true });
    await target.withdraw?.(locked, undefined);
    t.like(await target.confirm(locked), { confirmed: false });
  },
);

commandTest(
  'a blob that is not what was signed ends the load, and nothing is kept',
  async (t, { target }) => {
    const wrong = composedSource([base], (_, bytes) => Readable.from([Buffer.alloc(bytes.length, 1)]));
    await t.throwsAsync(target.deliver(lockedBase, wrong), { code: 'E_DIGEST_MISMATCH' });
    t.like(await target.confirm(lockedBase), { confirmed: false });
    await t.notThrowsAsync(target.deliver(lockedBase, composedSource([base])));
  },
);

commandTest('a run that is stopped in the middle of an archive leaves nothing', async (t, { target }) => {
  const controller = new AbortController();
  const stuck = composedSource([base], (_, bytes) => {
    // The rest never comes; with the first bytes the run is stopped.
    const blob = new Readable({ read: () => undefined });
    blob.push(bytes.subarray(0, 1));
    setImmediate(() => controller.abort(new Error('stopped')));
    return blob;
  });
  const options = { signal: controller.signal };
  await t.throwsAsync(target.deliver(lockedBase, stuck, options), { message: 'stopped' });
  t.like(await target.confirm(lockedBase), { confirmed: false });
});
