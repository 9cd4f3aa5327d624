import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import test from 'ava';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { openLendingBundle } from '../../src/bundle/lending-bundle.ts';
import { BundleSource, lockedImageOf } from '../../src/bundle/source.ts';
import type { VerifiedBundle } from '../../src/bundle/open.ts';
import { silent } from '../../src/core/events.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import type { ImageSource, ImageTarget } from '../../src/core/ports.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import { importBundle } from '../../src/flows/import.ts';
import { json, withFakeDocker } from '../engine/fake-docker.ts';
import { fixtureTime, withBundleFixture } from '../helpers/bundle-fixture.ts';
import { smallFamily } from '../helpers/compose.ts';
import { contentWith, leftOutBy } from '../helpers/delta-content.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

/** Delivers every image of a bundle that was found good a moment ago; `source` reads it. */
async function deliver(
  target: ImageTarget,
  { document }: VerifiedBundle,
  source: ImageSource,
): Promise<PackferryError[]> {
  const images = document.images.map((image) => lockedImageOf(image, document.platform));
  const presences = await target.survey(images);
  const surveyed = images.map((image, at) => ({
    image,
    presence: presences[at] ?? { state: 'absent' as const },
  }));
  const errors: PackferryError[] = [];
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing: true, jobs: 2, emit: silent, signal };
  await deliverImages(target, surveyed, source, errors, options);
  return errors;
}

async function holds({ engine }: EngineBench): Promise<string> {
  const told = await engine.run(['images', '--all', '--quiet']);
  return typeof told === 'string' ? told : told.stdout;
}

/** Changes one byte of every blob in an archive; the headers stay. */
async function flipBlobs(bundle: VerifiedBundle): Promise<void> {
  for (const { file, plan } of bundle.volumes) {
    const handle = await open(path.join(bundle.dir, file), 'r+');
    for (const entry of plan.entries) {
      if (entry.kind !== 'blob') continue;
      const at = entry.dataOffset + entry.size - 1;
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ 1;
      await handle.write(byte, 0, 1, at);
    }
    await handle.close();
  }
}

engineTest(
  'threat 15: bytes that change between verification and load do not reach an image',
  async (t, bench) => {
    await withBundleFixture(async ({ folder, write, open: openIt }) => {
      const dir = path.join(folder, 'bundle');
      await write(dir);
      const bundle = await openIt(dir);
      await flipBlobs(bundle);
      const errors = await deliver(bench.target, bundle, new BundleSource(bundle));
      t.is(errors.length, bundle.document.images.length);
      for (const { code } of errors) t.is(code, 'E_DIGEST_MISMATCH');
      t.is(await holds(bench), '');
    });
  },
);

engineTest('threat 15: bytes that change during the load do not reach an image', async (t, bench) => {
  await withBundleFixture(async ({ folder, write, open: openIt }) => {
    const dir = path.join(folder, 'bundle');
    await write(dir);
    const bundle = await openIt(dir);
    const real = new BundleSource(bundle);
    // The writer waits for the first layer that is asked for, and changes all behind it.
    let changed: Promise<void> | undefined;
    const source: ImageSource = {
      name: real.name,
      resolve: (reference) => real.resolve(reference),
      close: () => real.close(),
      openBlob: async (image, blob, options) => {
        if (blob.digest === image.layers[0]?.digest) {
          changed ??= flipBlobs(bundle);
          await changed;
        }
        return real.openBlob(image, blob, options);
      },
    };
    const errors = await deliver(bench.target, bundle, source);
    t.is(errors.length, bundle.document.images.length);
    for (const { code } of errors) t.is(code, 'E_DIGEST_MISMATCH');
    t.is(await holds(bench), '');
  });
});

engineTest(
  'threat 15: an archive that is swapped for another one by name does not reach an engine',
  async (t, bench) => {
    await withBundleFixture(async ({ folder, write, open: openIt }) => {
      const dir = path.join(folder, 'bundle');
      await write(dir);
      const bundle = await openIt(dir);
      const other = path.join(folder, 'other.tar');
      const bytes = await readFile(path.join(dir, 'images-001.tar'));
      await writeFile(other, bytes.reverse());
      await rename(other, path.join(dir, 'images-001.tar'));
      const errors = await deliver(bench.target, bundle, new BundleSource(bundle));
      t.is(errors.length, bundle.document.images.length);
      t.is(await holds(bench), '');
      await rm(dir, { recursive: true });
    });
  },
);

test('threat 15: an engine that shows another image than the one it took: the name is taken away again', async (t) => {
  const { composed, images } = smallFamily();
  const [image] = images;
  if (image === undefined) throw new Error('no image');
  const wrong = `sha256:${'0'.repeat(64)}`;
  let loaded = false;
  const commands: string[] = [];
  const answers = {
    inspect: (
      request: Parameters<ReturnType<typeof json>>[0],
      response: Parameters<ReturnType<typeof json>>[1],
    ) => {
      if (request.method === 'DELETE') {
        commands.push(`DELETE ${request.url ?? ''}`);
        loaded = false;
        return json([])(request, response);
      }
      return loaded
        ? json({ Id: wrong })(request, response)
        : json({ message: 'No such image' }, 404)(request, response);
    },
    load: async (
      request: Parameters<ReturnType<typeof json>>[0],
      response: Parameters<ReturnType<typeof json>>[1],
    ) => {
      await finished(request.resume());
      loaded = true;
      response.end('{"stream":"Loaded image: x"}\n');
    },
  };
  await withFakeDocker(answers, async ({ socket }) => {
    const target = await openDockerTarget(await findDocker(`docker:unix://${socket}`, {}));
    const errors: PackferryError[] = [];
    const { signal } = new AbortController();
    const options = { dryRun: false, keepGoing: true, jobs: 1, emit: silent, signal };
    const surveyed = [{ image, presence: { state: 'absent' as const } }];
    await deliverImages(target, surveyed, composedSource(composed), errors, options);
    await target.close();
    t.deepEqual(
      errors.map(({ code }) => code),
      ['E_NOT_CONFIRMED'],
    );
    t.deepEqual(commands, [`DELETE /images/${image.reference}`]);
  });
});

test('threat 15: what another bundle lends and changes after it was verified does not reach an image', async (t) => {
  await withBundleFixture(async ({ folder, write, open: openIt, images, allowed }) => {
    const at = (name: string): string => path.join(folder, name);
    await write(at('delta'), { content: contentWith(images, leftOutBy(images, images)) });
    await write(at('lends'));
    const lender = await openLendingBundle(at('lends'), { allowed, now: fixtureTime, emit: silent });
    const target = await openOciTarget(at('target'));
    const { errors, report } = await importBundle({
      ...{ targets: [target], only: [], dryRun: false, keepGoing: true, jobs: 2, emit: silent },
      bundle: await openIt(at('delta')),
      with: [lender],
      approve: async ({ lent }) => {
        t.true(
          lent.every(({ layers }) => layers > 0),
          'all was good until now',
        );
        await flipBlobs(await openIt(at('lends')));
        return true;
      },
      signal: new AbortController().signal,
    });
    t.is(errors.length, images.length);
    for (const { code } of errors) t.is(code, 'E_DIGEST_MISMATCH');
    t.true(report.targets[0]?.images.every(({ status }) => status === 'failed'));
    for (const image of images) t.like(await target.confirm(image), { confirmed: false });
  });
});
