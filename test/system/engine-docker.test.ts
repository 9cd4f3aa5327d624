import { getEventListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { blobsOf, totalSize, type LockedImage } from '../../src/core/image.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { withDockerd, type Dockerd } from '../helpers/system-dockerd.ts';
import { unmountDisk } from '../helpers/system-disk.ts';
import { execOk } from '../helpers/system-exec.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource, runnableImage } from '../helpers/system-images.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

const needs: readonly Need[] = ['dockerd', 'docker', 'busybox', 'root'];
const repository = 'docker.io/demisto/sample';

interface Bench {
  readonly dockerd: Dockerd;
  readonly target: ImageTarget;
}

/** A fresh engine and a target on it. */
async function withTarget(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withDockerd(async (dockerd) => {
    const target = await openDockerTarget(await findDocker(`docker:unix://${dockerd.socket}`, {}));
    try {
      await use({ dockerd, target });
    } finally {
      await target.close();
    }
  });
}

/** Everything that the engine holds, with names and IDs, also images without a name and layers in between. */
async function held(dockerd: Dockerd): Promise<string> {
  const { stdout } = await dockerd.run(['images', '--all', '--no-trunc', '--digests']);
  return stdout;
}

/** What an image prints when it is run. */
async function output(dockerd: Dockerd, reference: string): Promise<string> {
  const { stdout, stderr } = await dockerd.run(['run', '--rm', '--network', 'none', reference]);
  return stdout + stderr;
}

/** An image whose last layer is too large for the buffers on the way. */
function largeImage(name: string): { image: ComposedImage; locked: LockedImage } {
  const first = composeImage({ files: [{ path: 'first', content: noise(`${name} first`, 1000) }] });
  const files = [{ path: 'last', content: noise(`${name} last`, 8 * 1024 * 1024) }];
  const image = composeImage({ base: first, files });
  return { image, locked: lockComposed(`${repository}:${name}`, image) };
}

test.serial(
  'an image is absent, delivered, confirmed, runs, and then is present',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const image = await runnableImage('carried across');
      const locked = lockComposed(`${repository}:1.0`, image);
      t.like((await target.survey([locked]))[0], { state: 'absent' });
      t.like(await target.confirm(locked), { confirmed: false });

      let reported = 0;
      const options = { onBytes: (bytes: number) => (reported = bytes) };
      const size = totalSize(blobsOf(locked));
      t.deepEqual(await target.deliver(locked, composedSource([image]), options), {
        bytesSent: size,
        bytesSkipped: 0,
      });
      t.is(reported, size);
      t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
      t.is(await output(dockerd, locked.reference), 'carried across\n');

      t.like(await target.survey([locked]), [{ state: 'present' }]);
      t.deepEqual(await target.deliver(locked, composedSource([])), { bytesSent: 0, bytesSkipped: size });
    });
  }),
);

test.serial(
  'an image that is named by its digest only is found by its ID',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const image = await runnableImage('no tag');
      const locked = lockComposed(`${repository}@${image.manifest.descriptor.digest}`, image);
      t.like((await target.survey([locked]))[0], { state: 'absent' });
      await target.deliver(locked, composedSource([image]));
      t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
      t.is(await output(dockerd, locked.config.digest), 'no tag\n');
    });
  }),
);

test.serial(
  'a name that stands for another image is not moved',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const old = await runnableImage('old');
      const other = await runnableImage('new');
      const reference = `${repository}:latest`;
      await target.deliver(lockComposed(reference, old), composedSource([old]));
      const before = await held(dockerd);

      const locked = lockComposed(reference, other);
      t.like(await target.survey([locked]), [{ state: 'conflict', holder: old.config.descriptor.digest }]);
      const error = await t.throwsAsync(target.deliver(locked, composedSource([other])), {
        instanceOf: PackferryError,
        code: 'E_TAG_CONFLICT',
      });
      t.true(error.message.includes(reference));
      t.true(error.message.includes(old.config.descriptor.digest));
      t.like(await target.confirm(locked), { confirmed: false });
      t.is(await held(dockerd), before);

      // The two commands of the hint do what it says.
      const commands = [...(error.hint ?? '').matchAll(/"docker ([^"]+)"/g)].map((match) => match[1] ?? '');
      t.is(commands.length, 2);
      for (const command of commands) t.is((await dockerd.run(command.split(' '))).status, 0);
      await target.deliver(locked, composedSource([other]));
      t.is(await output(dockerd, reference), 'new\n');
      t.is(await output(dockerd, old.config.descriptor.digest), 'old\n');
    });
  }),
);

test.serial(
  'the engine keeps nothing of an image whose last byte is wrong',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image, locked } = largeImage('flipped');
      const before = await held(dockerd);
      const flipped = composedSource([image], (blob, bytes) => {
        const copy = Buffer.from(bytes);
        if (blob.digest === locked.layers.at(-1)?.digest)
          copy.writeUInt8(copy.at(-1) === 0 ? 1 : 0, copy.length - 1);
        return Readable.from([copy]);
      });
      await t.throwsAsync(target.deliver(locked, flipped), { code: 'E_DIGEST_MISMATCH' });
      t.is(await held(dockerd), before);
      t.like((await target.survey([locked]))[0], { state: 'absent' });

      await target.deliver(locked, composedSource([image]));
      t.like(await target.confirm(locked), { confirmed: true });
    });
  }),
);

test.serial(
  'the fault of a source that breaks midway is reported, not that of the connection',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image, locked } = largeImage('broken');
      const before = await held(dockerd);
      const fault = new PackferryError('E_SOURCE_UNREACHABLE', 'the disk was pulled out');
      const broken = composedSource([image], (blob, bytes) =>
        blob.size < 1_000_000
          ? Readable.from([bytes])
          : Readable.from(
              (function* () {
                yield bytes.subarray(0, 5_000_000);
                throw fault;
              })(),
            ),
      );
      t.is(await t.throwsAsync(target.deliver(locked, broken)), fault);
      t.is(await held(dockerd), before);
    });
  }),
);

test.serial(
  'the engine keeps nothing of a load that is aborted, and nothing stays open',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image, locked } = largeImage('aborted');
      const before = await held(dockerd);
      const abort = new AbortController();
      const opened: Readable[] = [];
      const stalling = composedSource([image], (blob, bytes) => {
        const stream = new PassThrough();
        opened.push(stream);
        if (blob.size < 1_000_000) stream.end(bytes);
        else stream.write(bytes.subarray(0, bytes.length / 2));
        return stream;
      });
      const reason = new PackferryError('E_INTERRUPTED', 'interrupted');
      const delivery = target.deliver(locked, stalling, {
        signal: abort.signal,
        onBytes: (bytes) => {
          if (bytes > 1_000_000) abort.abort(reason);
        },
      });
      t.is(await t.throwsAsync(delivery), reason);
      t.is(await held(dockerd), before);
      t.deepEqual(
        opened.map((stream) => stream.destroyed),
        opened.map(() => true),
      );
      t.is(getEventListeners(abort.signal, 'abort').length, 0);
    });
  }),
);

test.serial(
  'a config that lies about its layers is refused by the engine, and nothing is kept',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image } = largeImage('liar');
      const { image: other } = largeImage('other');
      const before = await held(dockerd);
      const locked: LockedImage = {
        ...lockComposed(`${repository}:liar`, image),
        // The signed list may say so: the layers are those of another image.
        layers: lockComposed(`${repository}:other`, other).layers,
      };
      const error = await t.throwsAsync(target.deliver(locked, composedSource([image, other])), {
        instanceOf: PackferryError,
        code: 'E_LOAD_FAILED',
      });
      t.true(error.message.includes(locked.reference));
      t.regex(error.message, /invalid diffID/);
      t.regex(error.hint ?? '', /Export the image again/);
      t.is(await held(dockerd), before);
    });
  }),
);

test.serial(
  'a full disk is told with the image and what to do',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image, locked } = largeImage('full');
      const before = await held(dockerd);
      // Where the engine unpacks what it is sent.
      const unpack = path.join(dockerd.folder, 'data', 'tmp');
      await mkdir(unpack, { recursive: true });
      await execOk('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', unpack]);
      const error = await t.throwsAsync(target.deliver(locked, composedSource([image])), {
        instanceOf: PackferryError,
        code: 'E_TARGET_FULL',
      });
      t.true(error.message.includes(locked.reference));
      t.regex(error.hint ?? '', /Free space/);
      t.is(await held(dockerd), before);

      await unmountDisk(unpack);
      await target.deliver(locked, composedSource([image]));
      t.like(await target.confirm(locked), { confirmed: true });
    });
  }),
);

test.serial(
  'images on a common base are delivered side by side',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const base = await runnableImage('base');
      const lines = ['one', 'two', 'three', 'four', 'five', 'six'];
      const images = await Promise.all(lines.map((line) => runnableImage(line, base)));
      const locked = images.map((image, at) => lockComposed(`${repository}:${lines[at] ?? ''}`, image));
      const source = composedSource(images);
      await Promise.all(locked.map((image) => target.deliver(image, source)));

      for (const [at, image] of locked.entries()) {
        t.deepEqual(await target.confirm(image), { confirmed: true, id: image.config.digest });
        t.is(await output(dockerd, image.reference), `${lines[at] ?? ''}\n`);
      }
    });
  }),
);

test.serial(
  'an engine that is killed during a load leaves an error that names the image',
  needing(needs, async (t) => {
    await withTarget(async ({ dockerd, target }) => {
      const { image, locked } = largeImage('orphan');
      const stopping: Promise<void>[] = [];
      const slow = composedSource([image], (blob, bytes) =>
        blob.size < 1_000_000
          ? Readable.from([bytes])
          : Readable.from(
              (async function* () {
                yield bytes.subarray(0, 5_000_000);
                stopping.push(dockerd.stop());
                await Promise.all(stopping);
                yield bytes.subarray(5_000_000);
              })(),
            ),
      );
      const error = await t.throwsAsync(target.deliver(locked, slow), { instanceOf: PackferryError });
      t.is(error.code, 'E_LOAD_FAILED');
      t.true(error.message.includes(locked.reference));
      await t.throwsAsync(target.survey([locked]), { code: 'E_ENGINE_UNREACHABLE' });
    });
  }),
);
