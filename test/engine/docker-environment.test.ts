import test from 'ava';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { withFakeDocker } from './fake-docker.ts';

// dockerode reads these by itself and would prefer them to what it is given. This file has its own worker thread,
// and with it its own copy of the environment.
const variables = ['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'DOCKER_CLIENT_TIMEOUT'];

test.afterEach.always(() => {
  for (const name of variables) Reflect.deleteProperty(process.env, name);
});

test.serial('DOCKER_HOST never leads away from the connection that is asked for', async (t) => {
  await withFakeDocker({}, async ({ socket, requests }) => {
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    process.env['DOCKER_TLS_VERIFY'] = '1';
    process.env['DOCKER_CLIENT_TIMEOUT'] = '1';
    const target = await openDockerTarget({ name: 'docker:', kind: 'unix', path: socket });
    t.deepEqual(requests, ['GET /_ping', 'GET /info']);
    await target.close();
  });
});

test.serial('certificates that dockerode cannot read are named as the environment’s fault', async (t) => {
  await withFakeDocker({}, async ({ socket }) => {
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    process.env['DOCKER_CERT_PATH'] = '/nonexistent';
    await t.throwsAsync(openDockerTarget({ name: 'docker:', kind: 'unix', path: socket }), {
      code: 'E_ENDPOINT_INVALID',
    });
  });
});
