import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { VerifiedBundle } from '../../src/bundle/open.ts';
import { ServedBundles } from '../../src/bundle/served-bundles.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { fixtureTime, withBundleFixture } from '../helpers/bundle-fixture.ts';

interface Made {
  readonly name: string;
  readonly sequence: number;
  readonly images: readonly LockedImage[];
}

interface Bench {
  /** Content of the bundles, and what was told of names. */
  readonly joined: (...bundles: readonly Made[]) => Promise<{ content: ServedBundles; told: string[] }>;
  /** The images of the fixture, each in a form of its own under the name of the first. */
  readonly images: readonly LockedImage[];
  readonly named: (image: number, reference: string) => LockedImage;
}

async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withBundleFixture(async ({ folder, content, images, write, open }) => {
    let number = 0;
    const joined: Bench['joined'] = async (...bundles) => {
      const opened: VerifiedBundle[] = [];
      for (const { name, sequence, images: carried } of bundles) {
        const dir = path.join(folder, `bundle-${(number += 1)}`);
        const volumes = [carried.map((image) => ({ image, usedBy: [] }))];
        await write(dir, { sequence, content: { ...content(), name, volumes } });
        opened.push(await open(dir));
      }
      const told: string[] = [];
      const options = { clock: () => fixtureTime, onSuperseded: (message: string) => told.push(message) };
      return { content: new ServedBundles(opened, options), told };
    };
    const named = (image: number, reference: string): LockedImage => {
      const [chosen] = images.slice(image);
      if (chosen === undefined) throw new Error('no image');
      return { ...chosen, reference };
    };
    await use({ joined, images, named });
  });
}

const tag = 'docker.io/demisto/python3:1';

async function conflict(t: ExecutionContext, making: Promise<unknown>): Promise<PackferryError> {
  const error = await t.throwsAsync(making, { instanceOf: PackferryError });
  t.is(error.code, 'E_TAG_CONFLICT');
  return error;
}

test('the images of several bundles are served side by side; one in both is no conflict', async (t) => {
  await withBench(async ({ joined, images }) => {
    const { content, told } = await joined(
      { name: 'a', sequence: 1, images: images.slice(0, 2) },
      { name: 'b', sequence: 1, images: images.slice(1, 4) },
    );
    t.is(content.names.length, 4);
    t.deepEqual(told, []);
  });
});

for (const [what, order] of [
  ['the older one first', [0, 1]],
  ['the newer one first', [1, 0]],
] as const) {
  test(`of one stream the later bundle decides on a tag, ${what}; the earlier image stays by digest`, async (t) => {
    await withBench(async ({ joined, named }) => {
      const bundles = [
        { name: 'a', sequence: 1, images: [named(0, tag)] },
        { name: 'a', sequence: 2, images: [named(1, tag)] },
      ];
      const { content, told } = await joined(...order.flatMap((index) => bundles[index] ?? []));
      const [before, after] = [named(0, tag).manifest.digest, named(1, tag).manifest.digest];
      t.is((await content.manifest('demisto/python3', '1'))?.descriptor.digest, after);
      t.is((await content.manifest('demisto/python3', before))?.descriptor.digest, before);
      t.is(told.length, 1);
      t.true(told[0]?.includes('(a 2)'), told[0]);
    });
  });
}

test('a tag that two streams use for two images is refused, with both bundles named, and all such tags', async (t) => {
  await withBench(async ({ joined, named }) => {
    const second = 'docker.io/demisto/python3:2';
    const making = joined(
      { name: 'a', sequence: 1, images: [named(0, tag), named(1, second)] },
      { name: 'b', sequence: 2, images: [named(1, tag), named(0, second)] },
    );
    const { errors } = await conflict(t, making);
    t.is(errors.length, 2);
    for (const name of [tag, second]) {
      const about = errors.find(({ message }) => message.startsWith(`${name} stands for `));
      t.regex(about?.message ?? '', / in \S+ \(a 1\), and for \S+ in \S+ \(b 2\)$/);
    }
  });
});

test('a stream that gives one number twice is refused', async (t) => {
  await withBench(async ({ joined, named }) => {
    await conflict(
      t,
      joined(
        { name: 'a', sequence: 1, images: [named(0, tag)] },
        { name: 'a', sequence: 1, images: [named(1, tag)] },
      ),
    );
  });
});

test('repositories of two registries never become one', async (t) => {
  await withBench(async ({ joined, named }) => {
    const apart = await joined({
      name: 'a',
      sequence: 1,
      images: [named(0, 'docker.io/acme/tool:1'), named(1, 'ghcr.io/acme/tool:1')],
    });
    t.deepEqual(await apart.content.repositories(), ['acme/tool', 'ghcr.io/acme/tool']);
    const { message } = await conflict(
      t,
      joined({
        name: 'a',
        sequence: 1,
        images: [named(0, 'docker.io/ghcr.io/tool:1'), named(1, 'ghcr.io/tool:2')],
      }),
    );
    t.regex(message, /docker\.io\/ghcr\.io\/tool.* ghcr\.io\/tool .*served as ghcr\.io\/tool/);
  });
});

test('an image that has only a digest is there by its digest, without a tag', async (t) => {
  await withBench(async ({ joined, named }) => {
    const { digest } = named(0, tag).manifest;
    const image = named(0, `docker.io/demisto/python3@${digest}`);
    const { content } = await joined({ name: 'a', sequence: 1, images: [image] });
    t.deepEqual(await content.tags('demisto/python3'), []);
    t.is((await content.manifest('demisto/python3', digest))?.descriptor.digest, digest);
    t.deepEqual(content.names, [`demisto/python3@${digest}`]);
  });
});
