import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { createServer } from 'node:tls';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { needing } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'a', content: noise('a', 3000) }] });
const locked = lockComposed('docker.io/demisto/sample:tls', image);

test.serial(
  'Docker over TLS: by the certificates of its client, and not without them',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withDockerd(async ({ socket, folder }) => {
      const { pem, key } = makeCertificate();
      const server = createServer({ cert: pem, key, ca: pem, requestCert: true }, (client) => {
        const engine = connect(socket);
        engine.on('error', () => client.destroy());
        client.on('error', () => engine.destroy());
        client.pipe(engine).pipe(client);
      });
      server.on('tlsClientError', () => undefined);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const certificates = path.join(folder, 'certificates');
      await mkdir(certificates);
      for (const [name, text] of [
        ['ca.pem', pem],
        ['cert.pem', pem],
        ['key.pem', key],
      ] as const)
        await writeFile(path.join(certificates, name), text);
      const { PATH } = process.env;
      const environment = {
        PATH,
        HOME: folder,
        DOCKER_HOST: `tcp://127.0.0.1:${port}`,
        DOCKER_TLS_VERIFY: '1',
      };
      try {
        const found = await findDocker('docker:', { ...environment, DOCKER_CERT_PATH: certificates });
        const target = await openDockerTarget(found);
        try {
          await target.deliver(locked, composedSource([image]));
          t.like(await target.confirm(locked), { confirmed: true });
        } finally {
          await target.close();
        }
        // In the home there are none.
        await t.throwsAsync(openDockerTarget(await findDocker('docker:', environment)));
      } finally {
        server.close();
      }
    });
  }),
);
