import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import { silent, type Emit } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { sshTarget } from '../../src/engine/ssh-access.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import { withBlobs } from '../../src/flows/with-blobs.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { lockComposed } from '../helpers/compose.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { engineKinds, withEngine } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** An image, and one that stands on it, of content of their own. */
function pairOf(name: string) {
  const base = composeImage({ files: [{ path: 'base', content: noise(`${name} base`, 30_000) }] });
  const top = composeImage({ base, files: [{ path: 'top', content: noise(`${name} top`, 3000) }] });
  return {
    composed: [base, top],
    base: lockComposed(`docker.io/demisto/${name}:base`, base),
    top: lockComposed(`docker.io/demisto/${name}:top`, top),
  };
}

interface Delivered {
  /** How the upper image fared, and the base. */
  readonly images: readonly ImportedImage[];
  readonly errors: readonly PackferryError[];
  /** What the engine had when all but the commit record of the upper image had been sent. */
  readonly meanwhile: string;
}

interface Ahead extends ReturnType<typeof pairOf> {
  readonly baseBreaks: boolean;
  readonly keepGoing: boolean;
}

/** Brings both; the layer of the base is held back until the upper image has been sent, then sent or broken. */
async function deliverAhead(
  target: ImageTarget,
  names: () => Promise<string>,
  { base, top, composed, baseBreaks, keepGoing }: Ahead,
): Promise<Delivered> {
  const shared = new Set(base.layers.map(({ digest }) => digest));
  const own = totalSize(top.layers.filter(({ digest }) => !shared.has(digest)));
  let release = (): void => undefined;
  const isSent = new Promise<void>((resolve) => (release = resolve));
  const emit: Emit = (event) => {
    if (event.type === 'progress' && event.item === top.reference && event.bytes >= own) release();
  };
  let meanwhile = 'not asked';
  const plain = composedSource(composed);
  const source = withBlobs(plain, async (image, blob, options) => {
    if (image.reference === base.reference && shared.has(blob.digest)) {
      await isSent;
      meanwhile = await names();
      if (baseBreaks) throw new Error('the disk of the base broke');
    }
    return plain.openBlob(image, blob, options);
  });
  const images = [top, base];
  const presences = await target.survey(images);
  const surveyed = images.map((image, at) => ({
    image,
    presence: presences[at] ?? { state: 'absent' as const },
  }));
  const errors: PackferryError[] = [];
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing, jobs: 2, emit, signal };
  return { images: await deliverImages(target, surveyed, source, errors, options), errors, meanwhile };
}

for (const kind of engineKinds) {
  test.serial(
    `${kind.name} over SSH: an image is sent while its base is on the way, and kept only after it; without it, it brings all itself`,
    needing([...sshdNeeds, ...kind.needs], (t) =>
      withEngine(kind, (engine) =>
        withSshd(async (sshd) => {
          await makeKnown(sshd);
          const { signal } = new AbortController();
          const endpoint = parseSshEndpoint(`//root@127.0.0.1:${sshd.port}?socket=${engine.socket}`);
          const ssh = { me: userOf(sshd), acceptNew: false };
          const target = await openDockerTarget(await sshTarget(endpoint, { ssh, emit: silent, signal }));
          const names = async (): Promise<string> => {
            const told = await engine.run(['images', '--all', '--quiet']);
            return (typeof told === 'string' ? told : told.stdout).trim();
          };
          const deliver = (name: string, baseBreaks: boolean, keepGoing: boolean): Promise<Delivered> =>
            deliverAhead(target, names, { ...pairOf(name), baseBreaks, keepGoing });
          try {
            const given = await deliver('given-up', true, false);
            t.is(given.errors.length, 1);
            t.like(given.images, { 0: { status: 'pending', bytesSent: 0 }, 1: { status: 'failed' } });
            t.is(await names(), '');

            const both = await deliver('both', false, false);
            t.deepEqual(both.errors, []);
            t.is(both.meanwhile, '');
            const skipped = totalSize(pairOf('both').base.layers);
            t.like(both.images, { 0: { status: 'loaded', bytesSkipped: skipped }, 1: { status: 'loaded' } });

            const alone = await deliver('alone', true, true);
            t.is(alone.errors.length, 1);
            const all = totalSize(blobsOf(pairOf('alone').top));
            t.like(alone.images, { 0: { status: 'loaded', bytesSent: all }, 1: { status: 'failed' } });
          } finally {
            await target.close();
          }
        }),
      ),
    ),
  );
}
