import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { silent } from '../../src/core/events.ts';
import { connectEngineOverSsh } from '../../src/engine/ssh-connection.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { StreamAgent } from '../../src/engine/staying-agent.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

interface Far {
  readonly socket: string;
  /** Asks the server there for something. */
  readonly ask: (agent: StreamAgent) => Promise<string>;
  /** How many connections the server has got so far. */
  readonly connections: () => number;
  readonly closeIdle: () => void;
}

/** Runs with an HTTP server on a Unix socket, as engines have one. */
async function withServer(use: (far: Far) => Promise<void>): Promise<void> {
  await withTempFolder(async (folder) => {
    const socket = path.join(folder, 'engine.sock');
    let connections = 0;
    const server = createServer((_, response) => response.end('answer'));
    server.keepAliveTimeout = 0;
    server.on('connection', () => (connections += 1));
    server.listen(socket);
    await once(server, 'listening');
    const ask = async (agent: StreamAgent): Promise<string> => {
      const asked = request({ agent, host: 'engine', path: '/' }).end();
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return text(answer);
    };
    try {
      await use({
        socket,
        ask,
        connections: () => connections,
        closeIdle: () => server.closeIdleConnections(),
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

/** The same behind an SSH server; `opened` are the streams that lead there. */
function forwardedTest(
  title: string,
  use: (t: ExecutionContext, far: Far, agent: StreamAgent, opened: readonly Duplex[]) => Promise<void>,
): void {
  test.serial(
    title,
    needing(sshdNeeds, (t) =>
      withServer((far) =>
        withSshd(async (sshd) => {
          await makeKnown(sshd);
          const endpoint = parseSshEndpoint(`//root@127.0.0.1:${sshd.port}?socket=${far.socket}`);
          const options = { me: userOf(sshd), acceptNew: false, emit: silent };
          const connection = await connectEngineOverSsh(endpoint, options);
          if (connection.kind !== 'stream') throw new Error('the socket is not forwarded');
          const opened: Duplex[] = [];
          const agent = new StreamAgent(async () => {
            const stream = await connection.connect();
            opened.push(stream);
            return stream;
          }, false);
          try {
            await use(t, far, agent, opened);
          } finally {
            agent.destroy();
            connection.close?.();
          }
        }),
      ),
    ),
  );
}

forwardedTest(
  'questions one after the other go through one forwarded channel, and leave nothing behind in it',
  async (t, { ask }, agent, opened) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    // More than the listeners that Node takes for a leak.
    for (let at = 0; at < 15; at += 1) t.is(await ask(agent), 'answer');
    process.off('warning', onWarning);
    t.is(opened.length, 1);
    t.deepEqual(warnings, []);
  },
);

forwardedTest(
  'a channel that the engine has closed meanwhile is not asked again',
  async (t, { ask, closeIdle }, agent, opened) => {
    t.is(await ask(agent), 'answer');
    const [first] = opened;
    const closed = first === undefined ? undefined : once(first, 'close');
    closeIdle();
    await closed;
    t.is(await ask(agent), 'answer');
    t.is(opened.length, 2);
  },
);

test('streams of which there may be few only are not kept for a next question', async (t) => {
  await withServer(async ({ socket, ask, connections }) => {
    const few = new StreamAgent(() => Promise.resolve(connect(socket)), false);
    for (let at = 0; at < 3; at += 1) t.is(await ask(few), 'answer');
    t.is(connections(), 3);
    const many = new StreamAgent(() => Promise.resolve(connect(socket)), true);
    for (let at = 0; at < 3; at += 1) t.is(await ask(many), 'answer');
    t.is(connections(), 4);
    many.destroy();
  });
});
