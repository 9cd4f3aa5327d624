import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { needing } from '../helpers/system-tools.ts';

test.serial(
  "an image is loaded through Podman's API under its full name, and is present afterwards",
  needing(['podman', 'root'], async (t) => {
    await withPodman(async ({ socket }) => {
      const target = await openDockerTarget(await findDocker(`docker:unix://${socket}`, {}));
      try {
        const image = composeImage({ files: [{ path: 'file', content: noise('podman', 1000) }] });
        const locked = lockComposed('docker.io/demisto/sample:1.0', image);
        t.like((await target.survey([locked]))[0], { state: 'absent' });
        await target.deliver(locked, composedSource([image]));
        t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
        t.like((await target.survey([locked]))[0], { state: 'present' });
      } finally {
        await target.close();
      }
    });
  }),
);
