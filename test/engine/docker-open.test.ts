import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { engineFault } from '../../src/engine/engine-fault.ts';
import { freePort } from '../helpers/free-port.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { json, withFakeDocker, type FakeAnswers } from './fake-docker.ts';

const at = (socket: string) => ({ name: `docker:unix://${socket}`, kind: 'unix' as const, path: socket });

const failsToOpen = test.macro(async (t, answers: FakeAnswers, code: ErrorCode, answerWithin?: number) => {
  await withFakeDocker(answers, async ({ socket }) => {
    const error = await t.throwsAsync(
      openDockerTarget(at(socket), { answerWithin: answerWithin ?? 30_000 }),
      {
        instanceOf: PackferryError,
        code,
      },
    );
    t.true(error.message.includes(socket), 'names the engine');
    t.not(error.hint, undefined);
  });
});

const silent = (): void => undefined;

test('an engine that never answers', failsToOpen, { ping: silent }, 'E_ENGINE_UNREACHABLE', 100);
test('an engine that falls silent', failsToOpen, { info: silent }, 'E_ENGINE_UNREACHABLE', 100);
test('a proxy that denies', failsToOpen, { ping: json({ message: 'no' }, 403) }, 'E_ENGINE_DENIED');
test('a server without this API', failsToOpen, { ping: json({}, 404) }, 'E_ENGINE_PROTOCOL');
test('a server of something else', failsToOpen, { ping: json(['hello']) }, 'E_ENGINE_PROTOCOL');
test('an engine in trouble', failsToOpen, { info: json({ message: 'oh' }, 500) }, 'E_ENGINE_PROTOCOL');

for (const location of ['http://127.0.0.1:1/', 'nowhere://x', '/version']) {
  test(
    `a redirect to ${location}`,
    failsToOpen,
    {
      ping: (_, response) => void response.writeHead(301, { location }).end(),
    },
    'E_ENGINE_PROTOCOL',
  );
}

test(
  'an answer without end',
  failsToOpen,
  {
    ping: (_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
      };
      response.writeHead(200).on('drain', more);
      more();
    },
  },
  'E_ENGINE_PROTOCOL',
);
test(
  'an answer that is cut',
  failsToOpen,
  {
    ping: (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"Version":', () => response.destroy());
    },
  },
  'E_ENGINE_UNREACHABLE',
);

test('no socket there', async (t) => {
  await withTempFolder(async (folder) => {
    await t.throwsAsync(openDockerTarget(at(path.join(folder, 'none.sock'))), {
      code: 'E_ENGINE_UNREACHABLE',
    });
  });
});

test('nobody listening', async (t) => {
  const port = await freePort();
  const connection = {
    name: `docker:tcp://127.0.0.1:${port}`,
    kind: 'tcp' as const,
    host: '127.0.0.1',
    port,
  };
  const error = await t.throwsAsync(openDockerTarget(connection), { code: 'E_ENGINE_UNREACHABLE' });
  t.true(error.message.includes(connection.name));
});

test('a socket of something that is no HTTP', async (t) => {
  await withTempFolder(async (folder) => {
    const socket = path.join(folder, 'ssh.sock');
    const server = createServer((peer) => {
      peer.on('error', () => undefined);
      peer.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    server.listen(socket);
    await once(server, 'listening');
    await t.throwsAsync(openDockerTarget(at(socket)), { code: 'E_ENGINE_PROTOCOL' });
    server.close();
  });
});

test('a socket that this user may not use', async (t) => {
  await withFakeDocker({}, async ({ socket }) => {
    await chmod(socket, 0);
    if (process.getuid?.() === 0) {
      // Root may use any socket: only what the system would have said can be tried.
      const fault = Object.assign(new Error(`connect EACCES ${socket}`), { code: 'EACCES' });
      t.is(engineFault(fault, socket).code, 'E_ENGINE_DENIED');
    } else {
      const error = await t.throwsAsync(openDockerTarget(at(socket)), {
        instanceOf: PackferryError,
        code: 'E_ENGINE_DENIED',
      });
      t.regex(error.hint ?? '', /group docker/);
    }
  });
});

test('an engine is reached over TCP', async (t) => {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('api-version', '1.51').end('{"ServerVersion":"28.5.2"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const target = await openDockerTarget({ name: 'docker:tcp', kind: 'tcp', host: '127.0.0.1', port });
  t.deepEqual(asked, ['/_ping', '/info']);
  await target.close();
  server.close();
});

test('opening is abandoned on abort, with its reason', async (t) => {
  const abort = new AbortController();
  const reason = new PackferryError('E_INTERRUPTED', 'interrupted');
  await withFakeDocker({ ping: () => abort.abort(reason) }, async ({ socket }) => {
    t.is(await t.throwsAsync(openDockerTarget(at(socket), { signal: abort.signal })), reason);
  });
});
