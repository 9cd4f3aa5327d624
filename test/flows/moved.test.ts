import test from 'ava';
import { refuseMoved } from '../../src/flows/moved.ts';
import { lockSchema } from '../../src/schema/lock.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';

function locked(images: readonly LockedImage[]): unknown {
  return {
    schema: 'packferry.lock/v1',
    name: 'test',
    platform: { os: 'linux', architecture: 'amd64' },
    images: images.map((image) => ({ ...image, lockedAt: '2026-05-03T10:00:00Z' })),
  };
}

test('a vendor tag that moved since the lock is an error of that image; latest may move', async (t) => {
  await withBundleFixture(({ images }) => {
    const [one, two, other] = images;
    if (one === undefined || two === undefined || other === undefined) throw new Error('too few images');
    const latest = { ...two, reference: 'docker.io/demisto/python3:latest' };
    const lock = lockSchema.parse(locked([one, two, latest]));
    const same = [one, two, latest].map((image) => ({ image, usedBy: [] }));
    t.deepEqual(refuseMoved({ images: same, errors: [] }, lock), { images: same, errors: [] });

    const now = [one, { ...two, manifest: other.manifest }, { ...latest, manifest: other.manifest }];
    const { images: kept, errors } = refuseMoved(
      { images: now.map((image) => ({ image, usedBy: [] })), errors: [] },
      lock,
    );
    t.deepEqual(
      kept.map(({ image }) => image.reference),
      [one.reference, latest.reference],
    );
    t.deepEqual(
      errors.map(({ code }) => code),
      ['E_TAG_MOVED'],
    );
    t.true(errors[0]?.message.includes('moved since 2026-05-03'));
    return Promise.resolve();
  });
});
