import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withEngine, engineKinds } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';
import { needing } from '../helpers/system-tools.ts';

for (const kind of engineKinds) {
  test.serial(
    `${kind.name}: an image is absent, delivered, confirmed, and then present`,
    needing(kind.needs, async (t) => {
      await withEngine(kind, async ({ socket }) => {
        const target = await openDockerTarget(await findDocker(`docker:unix://${socket}`, {}));
        try {
          const image = composeImage({ files: [{ path: 'file', content: noise(kind.name, 1000) }] });
          const locked = lockComposed('docker.io/demisto/sample:1.0', image);
          t.deepEqual(await target.survey([locked]), [{ state: 'absent' }]);
          await target.deliver(locked, composedSource([image]));
          t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked[kind.idOf].digest });
          t.like((await target.survey([locked]))[0], { state: 'present' });
        } finally {
          await target.close();
        }
      });
    }),
  );
}
