import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../src/archive/docker-archive.ts';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed, tempDir } from '../helpers/compose.ts';
import { readImage } from '../helpers/image-reading.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { execOk } from '../helpers/system-exec.ts';
import { composedSource, runnableImage } from '../helpers/system-images.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

const name = 'docker.io/demisto/sample:1.0';
const line = 'taken from a file';

async function withArchive(
  t: ExecutionContext,
  file: string,
  use: (source: ImageSource, image: LockedImage) => Promise<void>,
): Promise<void> {
  const before = digestOf(await readFile(file));
  const source = await openDockerArchive(file, { spoolDir: path.join(await tempDir(t), 'spool') });
  try {
    await use(source, await source.resolve(parseReference(name), defaultPlatform));
  } finally {
    await source.close();
  }
  t.is(digestOf(await readFile(file)), before, 'the file is as it was');
}

/** The archive gives the image as it was composed, with every blob. */
async function checkArchive(
  t: ExecutionContext,
  file: string,
  composed: ComposedImage,
): Promise<LockedImage> {
  let found: LockedImage | undefined;
  await withArchive(t, file, async (source, image) => {
    t.is(image.config.digest, composed.config.descriptor.digest);
    t.is(image.source, `docker-archive:${file}`);
    t.is(await readImage(source, image), 2 + composed.layers.length);
    found = image;
  });
  if (found === undefined) throw new Error('not resolved');
  return found;
}

test.serial(
  'docker save, plain and through gzip: the same image, and it runs',
  needing(['dockerd', 'docker', 'busybox', 'root'], async (t) => {
    const composed = await runnableImage(line);
    const dir = await tempDir(t);
    const file = path.join(dir, 'save.tar');
    await withDockerd(async (dockerd) => {
      const target = await openDockerTarget(await findDocker(`docker:unix://${dockerd.socket}`, {}));
      await target.deliver(lockComposed(name, composed), composedSource([composed]));
      await target.close();
      t.is((await dockerd.run(['save', '--output', file, 'demisto/sample:1.0'])).status, 0);
    });
    const packed = path.join(dir, 'save.tar.gz');
    await writeFile(packed, gzipSync(await readFile(file), { level: 1 }));
    const plain = await checkArchive(t, file, composed);
    const gzipped = await checkArchive(t, packed, composed);
    t.deepEqual({ ...gzipped, source: '' }, { ...plain, source: '' });

    await withDockerd(async (dockerd) => {
      await withArchive(t, packed, async (source, image) => {
        const target = await openDockerTarget(await findDocker(`docker:unix://${dockerd.socket}`, {}));
        try {
          await target.deliver(image, source);
          t.deepEqual(await target.confirm(image), {
            confirmed: true,
            id: composed.config.descriptor.digest,
          });
          const { stdout } = await dockerd.run(['run', '--rm', '--network', 'none', image.reference]);
          t.is(stdout, `${line}\n`);
        } finally {
          await target.close();
        }
      });
    });
  }),
);

test.serial(
  'podman save, docker-archive and oci-archive',
  needing(['podman', 'busybox', 'root'], async (t) => {
    const composed = await runnableImage(line);
    const dir = await tempDir(t);
    await withPodman(async (podman) => {
      const target = await openDockerTarget(await findDocker(`docker:unix://${podman.socket}`, {}));
      await target.deliver(lockComposed(name, composed), composedSource([composed]));
      await target.close();
      for (const format of ['docker-archive', 'oci-archive']) {
        await podman.run(['save', '--format', format, '--output', path.join(dir, format), name]);
      }
    });
    await checkArchive(t, path.join(dir, 'docker-archive'), composed);
    await checkArchive(t, path.join(dir, 'oci-archive'), composed);
  }),
);

test.serial(
  'skopeo copy to docker-archive, and to oci-archive with the manifest as it was',
  needing(['skopeo'], async (t) => {
    const base = composeImage({ format: 'oci', files: [{ path: 'base', content: noise('base', 50_000) }] });
    const composed = composeImage({ format: 'oci', base, files: [{ path: 'top', content: 'top' }] });
    const dir = await tempDir(t);
    const layout = path.join(dir, 'layout');
    const written = await openOciTarget(layout);
    await written.deliver(lockComposed(name, composed), composedSource([composed]));
    await written.close();
    const skopeo = systemTools().path('skopeo');
    for (const format of ['docker-archive', 'oci-archive']) {
      const target = `${format}:${path.join(dir, format)}:${name}`;
      await execOk(skopeo, ['--insecure-policy', 'copy', '--quiet', `oci:${layout}:${name}`, target]);
    }
    await checkArchive(t, path.join(dir, 'docker-archive'), composed);
    const image = await checkArchive(t, path.join(dir, 'oci-archive'), composed);
    t.deepEqual(image.manifest, composed.manifest.descriptor);
    t.deepEqual(
      image.layers.map(({ digest }) => digest),
      composed.layers.map(({ descriptor }) => descriptor.digest),
    );
  }),
);
