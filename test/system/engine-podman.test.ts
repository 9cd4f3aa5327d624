import { request } from 'node:http';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';
import { serviceFolder, startService, usingService } from '../helpers/system-service.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

/** Does an API answer on this socket? */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ping = request({ socketPath, path: '/_ping', agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.once('error', reject);
    ping.end();
  });
}

test.serial(
  "an image is loaded through Podman's API under its full name, and is present afterwards",
  needing(['podman', 'root'], async (t) => {
    const folder = await serviceFolder('podman');
    const socket = path.join(folder, 'podman.sock');
    const service = await startService({
      name: 'podman',
      command: systemTools().path('podman'),
      args: [
        ...['--root', path.join(folder, 'root'), '--runroot', path.join(folder, 'run')],
        ...['--storage-driver', 'vfs', 'system', 'service', '--time', '0', `unix://${socket}`],
      ],
      folder,
      isReady: () => answers(socket),
    });
    await usingService(service, async () => {
      const target = await openDockerTarget(await findDocker(`docker:unix://${socket}`, {}));
      try {
        const image = composeImage({ files: [{ path: 'file', content: noise('podman', 1000) }] });
        const locked = lockComposed('docker.io/demisto/sample:1.0', image);
        t.deepEqual(await target.survey([locked]), [{ state: 'absent' }]);
        await target.deliver(locked, composedSource([image]));
        t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked.config.digest });
        t.like((await target.survey([locked]))[0], { state: 'present' });
      } finally {
        await target.close();
      }
    });
  }),
);
