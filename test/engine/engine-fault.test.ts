import { createServer } from 'node:http';
import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { tempDir } from '../helpers/compose.ts';

type Find = typeof findDocker | typeof findPodman;

async function faultOf(find: Find, url: string): Promise<PackferryError> {
  try {
    await (await openDockerTarget(await find(url, {}))).close();
  } catch (fault) {
    if (fault instanceof PackferryError) return fault;
    throw fault;
  }
  throw new Error(`${url} can be used`);
}

test('an engine that is not there is told by its URL and in words, without a line of its protocol', async (t) => {
  const dir = await tempDir(t);
  const none = `docker:unix://${dir}/none`;
  const missing = await faultOf(findDocker, none);
  t.is(missing.message, `${none}: the engine is out of reach: there is no socket ${dir}/none`);
  t.regex(missing.hint ?? '', /systemctl start docker/);
  const dead = path.join(dir, 'file');
  await writeFile(dead, '');
  const silent = await faultOf(findDocker, `docker:unix://${dead}`);
  t.regex(silent.message, /: the engine is out of reach: nobody listens at the socket .*file$/);
  const refused = await faultOf(findDocker, 'docker:tcp://127.0.0.1:1');
  t.regex(refused.message, /: the connection was refused \(127\.0\.0\.1:1, ECONNREFUSED\)$/);
});

test('Podman as a target is advised on Podman', async (t) => {
  const { hint = '' } = await faultOf(findPodman, 'podman:unix:///nowhere/none');
  t.regex(hint, /podman\.socket/);
  t.notRegex(hint, /docker/);
});

test('what an engine refuses begins with the engine, and ends with the request for whoever reads its log', async (t) => {
  const socket = path.join(await tempDir(t), 'engine.sock');
  const server = createServer((_, response) => response.writeHead(500).end('{"message":"on fire"}'));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const { message } = await faultOf(findDocker, `docker:unix://${socket}`);
    t.is(message, `docker:unix://${socket}: status 500; the engine said: on fire (GET /_ping)`);
  } finally {
    server.close();
  }
});
