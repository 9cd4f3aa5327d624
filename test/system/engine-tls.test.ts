import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { freePort } from '../helpers/free-port.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'a', content: noise('a', 3000) }] });
const locked = lockComposed('docker.io/demisto/sample:tls', image);

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return folder;
}

test.serial(
  'Docker over TLS (dockerd --tlsverify), without the docker command: by variables, by a context, and not by other certificates',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withTempFolder(async (folder) => {
      const { pem, key } = makeCertificate();
      const own = { 'ca.pem': pem, 'cert.pem': pem, 'key.pem': key };
      const certificates = await write(path.join(folder, 'certificates'), own);
      const port = await freePort();
      const settings = {
        tlsverify: true,
        tlscacert: path.join(certificates, 'ca.pem'),
        tlscert: path.join(certificates, 'cert.pem'),
        tlskey: path.join(certificates, 'key.pem'),
      };
      await withDockerd(
        async () => {
          const there = `tcp://127.0.0.1:${port}`;
          const variables = {
            DOCKER_HOST: there,
            DOCKER_TLS_VERIFY: '1',
            DOCKER_CERT_PATH: certificates,
          };
          const found = await findDocker('docker:', variables);
          t.like(found, { name: `docker:${there}`, kind: 'tls', foundBy: 'DOCKER_HOST' });
          const target = await openDockerTarget(found);
          try {
            await target.deliver(locked, composedSource([image]));
            t.like(await target.confirm(locked), { confirmed: true });
          } finally {
            await target.close();
          }

          // A context has certificates of its own.
          const config = path.join(folder, 'config');
          const id = createHash('sha256').update('far').digest('hex');
          const meta = JSON.stringify({ Name: 'far', Endpoints: { docker: { Host: there } } });
          await write(path.join(config, 'contexts', 'meta', id), { 'meta.json': meta });
          await write(path.join(config, 'contexts', 'tls', id, 'docker'), own);
          const byContext = await findDocker('docker:', { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'far' });
          const again = await openDockerTarget(byContext);
          t.like(await again.survey([locked]), { 0: { state: 'present' } });
          await again.close();

          const faultOf = async (more: Readonly<Record<string, string>>): Promise<PackferryError> => {
            const opening = (async () =>
              openDockerTarget(await findDocker('docker:', { ...variables, ...more })))();
            return t.throwsAsync(opening, { instanceOf: PackferryError });
          };
          const others = makeCertificate();
          const DOCKER_CERT_PATH = await write(path.join(folder, 'others'), { ...own, 'ca.pem': others.pem });
          const untrusted = await faultOf({ DOCKER_CERT_PATH });
          t.is(untrusted.code, 'E_ENGINE_UNREACHABLE');
          t.regex(untrusted.hint ?? '', /ca\.pem/);
          const otherName = await faultOf({ DOCKER_HOST: `tcp://localhost:${port}` });
          t.is(otherName.code, 'E_ENGINE_UNREACHABLE');
          t.regex(otherName.hint ?? '', /host name/);

          // Whom the engine does not know it refuses in words, which may be lost since it closes at once.
          const strange = { ...own, 'cert.pem': others.pem, 'key.pem': others.key };
          await write(DOCKER_CERT_PATH, strange);
          t.regex((await faultOf({ DOCKER_CERT_PATH })).hint ?? '', /DOCKER_CERT_PATH/);
          await rm(path.join(DOCKER_CERT_PATH, 'key.pem'));
          t.regex((await faultOf({ DOCKER_CERT_PATH })).hint ?? '', /DOCKER_CERT_PATH/);

          // Docker itself would go on without a check there.
          await rm(path.join(DOCKER_CERT_PATH, 'ca.pem'));
          const { code, message } = await faultOf({
            DOCKER_CERT_PATH,
            DOCKER_TLS_VERIFY: '',
            DOCKER_TLS: '1',
          });
          t.is(code, 'E_ENDPOINT_INVALID');
          t.regex(message, /ca\.pem does not exist/);
        },
        { settings, hosts: [`tcp://127.0.0.1:${port}`] },
      );
    });
  }),
);
