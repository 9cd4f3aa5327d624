import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform, parsePlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { lockComposed, tempDir } from '../helpers/compose.ts';
import { readImage } from '../helpers/image-reading.ts';
import { withDockerd, type Dockerd } from '../helpers/system-dockerd.ts';
import { composedSource, runnableImage } from '../helpers/system-images.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

const needs: readonly Need[] = ['dockerd', 'docker', 'busybox', 'root'];
const name = 'docker.io/demisto/sample:1.0';

/** Brings a composed image to an engine. */
async function deliver(socket: string, reference: string, image: ComposedImage): Promise<void> {
  const target = await openDockerTarget(await findDocker(`docker:unix://${socket}`, {}));
  try {
    await target.deliver(lockComposed(reference, image), composedSource([image]));
  } finally {
    await target.close();
  }
}

async function withSource<T>(
  socket: string,
  spoolDir: string,
  use: (source: ImageSource, events: readonly Event[]) => Promise<T>,
): Promise<T> {
  const events: Event[] = [];
  const connection = await findDocker(`docker:unix://${socket}`, {});
  const source = await openEngineSource(connection, { spoolDir, emit: (event) => events.push(event) });
  try {
    return await use(source, events);
  } finally {
    await source.close();
  }
}

const resolve = (source: ImageSource, reference = name, platform = defaultPlatform): Promise<LockedImage> =>
  source.resolve(parseReference(reference), platform);

const saves = (events: readonly Event[]): number => events.filter(({ type }) => type === 'note').length;

/** Brings an image from a source to a fresh engine and returns its ID there and what it prints. */
async function loadElsewhere(dockerd: Dockerd, source: ImageSource, image: LockedImage): Promise<string[]> {
  const target = await openDockerTarget(await findDocker(`docker:unix://${dockerd.socket}`, {}));
  try {
    await target.deliver(image, source);
    const confirmation = await target.confirm(image);
    const { stdout } = await dockerd.run(['run', '--rm', '--network', 'none', image.reference]);
    return [confirmation.confirmed ? confirmation.id : confirmation.reason, stdout];
  } finally {
    await target.close();
  }
}

test.serial(
  'an image is saved once, keeps its ID, and runs on another engine; a second image shares its base',
  needing(needs, async (t) => {
    const spoolDir = path.join(await tempDir(t), 'spool');
    const first = await runnableImage('taken from an engine');
    const second = composeImage({ base: first, files: [{ path: 'more', content: noise('more', 100_000) }] });
    await withDockerd(async (dockerd) => {
      await deliver(dockerd.socket, name, first);
      await deliver(dockerd.socket, 'docker.io/demisto/second:1.0', second);
      await withSource(dockerd.socket, spoolDir, async (source, events) => {
        const image = await resolve(source, 'demisto/sample:1.0');
        t.is(image.source, `docker:unix://${dockerd.socket}`);
        t.is(image.config.digest, first.config.descriptor.digest);
        t.is(await readImage(source, image), 3);
        t.is(saves(events), 1);
        t.true(events.some((event) => event.type === 'progress' && event.bytes > 1_000_000));
        // What was compressed for the first image is not compressed again.
        const layers = path.join(spoolDir, 'layers');
        t.is((await readdir(layers)).length, 1);
        const other = await resolve(source, 'demisto/second:1.0');
        t.deepEqual(other.layers[0], image.layers[0]);
        t.is((await readdir(layers)).length, 2);
      });
      // Another run: planning, locking and exporting are three.
      await withSource(dockerd.socket, spoolDir, async (source, events) => {
        const image = await resolve(source);
        t.is(saves(events), 0);
        await withDockerd(async (fresh) => {
          const loaded = await loadElsewhere(fresh, source, image);
          t.deepEqual(loaded, [first.config.descriptor.digest, 'taken from an engine\n']);
        });
      });
      // A spool that was emptied gives the same bytes again, also to a run that resolved nothing itself.
      const before = await withSource(dockerd.socket, spoolDir, (source) => resolve(source));
      await withSource(dockerd.socket, path.join(spoolDir, 'other'), async (source) => {
        t.is(await readImage(source, before), 3);
      });
      t.deepEqual(
        (await readdir(spoolDir)).filter((file) => file.endsWith('.part')),
        [],
      );
    });
  }),
);

test.serial(
  'a layer that an image has twice, which Docker saves as a link',
  needing(needs, async (t) => {
    const once = composeImage({ files: [{ path: 'same', content: noise('same', 20_000) }] });
    const twice = composeImage({ base: once, files: [{ path: 'same', content: noise('same', 20_000) }] });
    await withDockerd(async (dockerd) => {
      await deliver(dockerd.socket, name, twice);
      await withSource(dockerd.socket, await tempDir(t), async (source) => {
        const image = await resolve(source);
        t.is(image.layers.length, 2);
        t.deepEqual(image.layers[0], image.layers[1]);
        t.is(await readImage(source, image), 3);
      });
    });
  }),
);

test.serial(
  'an engine that is stopped in the middle of a save: the image is named, and nothing is left',
  needing(needs, async (t) => {
    const spoolDir = await tempDir(t);
    const large = composeImage({ files: [{ path: 'large', content: noise('large', 60_000_000) }] });
    await withDockerd(async (dockerd) => {
      await deliver(dockerd.socket, name, large);
      // A polite end would let the save end first.
      const pid = Number(await readFile(path.join(dockerd.folder, 'pid'), 'utf8'));
      let isKilled = false;
      const connection = await findDocker(`docker:unix://${dockerd.socket}`, {});
      const emit = (event: Event): void => {
        if (event.type === 'progress' && !isKilled) isKilled = process.kill(pid, 'SIGKILL');
      };
      const source = await openEngineSource(connection, { spoolDir, emit });
      try {
        const error = await t.throwsAsync(resolve(source), { instanceOf: PackferryError });
        t.is(error.code, 'E_SOURCE_UNREACHABLE', error.message);
        t.true(error.message.includes(name), error.message);
        t.true(isKilled);
      } finally {
        await source.close();
      }
    });
    const left = await readdir(spoolDir, { recursive: true });
    t.deepEqual(left.sort(), ['blobs', 'blobs/sha256', 'images', 'layers']);
  }),
);

test.serial(
  'what the engine does not have is told before anything is saved',
  needing(needs, async (t) => {
    await withDockerd(async (dockerd) => {
      await deliver(dockerd.socket, name, composeImage({ files: [{ path: 'file', content: 'x' }] }));
      await withSource(dockerd.socket, await tempDir(t), async (source, events) => {
        const fails = async (reference: string, code: string, platform?: string): Promise<void> => {
          const wanted = platform === undefined ? defaultPlatform : parsePlatform(platform);
          const error = await t.throwsAsync(resolve(source, reference, wanted), {
            instanceOf: PackferryError,
          });
          t.is(error.code, code as typeof error.code);
        };
        await fails('demisto/other:1.0', 'E_IMAGE_NOT_FOUND');
        await fails('demisto/sample:1.0', 'E_PLATFORM_NOT_FOUND', 'linux/arm64');
        await fails(`demisto/sample@sha256:${'0'.repeat(64)}`, 'E_IMAGE_NOT_FOUND');
        const gone = new AbortController();
        gone.abort(new Error('enough'));
        const aborted = source.resolve(parseReference(name), defaultPlatform, gone.signal);
        await t.throwsAsync(aborted, { message: 'enough' });
        t.deepEqual(events, []);
      });
    });
  }),
);

test.serial(
  "an image of Podman's, found through its own environment, runs on Docker",
  needing([...needs, 'podman'], async (t) => {
    const spoolDir = await tempDir(t);
    const image = await runnableImage('taken from Podman');
    await withPodman(async (podman) => {
      await deliver(podman.socket, 'localhost/custom:1', image);
      const connection = await findPodman('podman:', { CONTAINER_HOST: `unix://${podman.socket}` });
      const source = await openEngineSource(connection, { spoolDir });
      try {
        const locked = await resolve(source, 'localhost/custom:1');
        t.is(locked.source, `podman:unix://${podman.socket}`);
        t.is(locked.config.digest, image.config.descriptor.digest);
        t.is(await readImage(source, locked), 3);
        const error = await t.throwsAsync(resolve(source, 'custom:1'), { instanceOf: PackferryError });
        t.is(error.code, 'E_IMAGE_NOT_FOUND');
        t.true(error.hint?.includes('localhost/custom:1'), error.hint);
        await withDockerd(async (fresh) => {
          const loaded = await loadElsewhere(fresh, source, locked);
          t.deepEqual(loaded, [image.config.descriptor.digest, 'taken from Podman\n']);
        });
      } finally {
        await source.close();
      }
    });
    t.true(
      (await readFile(path.join(spoolDir, 'blobs', 'sha256', image.config.descriptor.digest.slice(7))))
        .length > 0,
    );
  }),
);
