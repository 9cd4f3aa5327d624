import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { startHelper } from '../../../bin/bench/export/helper-process.ts';
import { noise } from '../../../bin/demo/sample-images.ts';

/** Runs with a link to a server of the test, and a connection through it. */
async function withLink(
  roundTrip: number,
  serve: (socket: Socket) => void,
  use: (client: Socket, counts: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = await startHelper('../ssh/delay-link.js', [port, roundTrip]);
  const client = connect({ port: Number(link.line), host: '127.0.0.1', allowHalfOpen: true });
  try {
    await use(client, async () => JSON.parse(await link.ask('bytes')) as unknown);
  } finally {
    client.destroy();
    await link.stop();
    server.close();
  }
}

const echo = (socket: Socket): void => void socket.pipe(socket);

test('an answer comes a round trip later, never sooner, and a new connection waits for another one', async (t) => {
  await withLink(80, echo, async (client) => {
    const start = performance.now();
    client.write('first');
    await once(client, 'data');
    t.true(performance.now() - start >= 2 * 80 - 2);
    const again = performance.now();
    client.write('second');
    await once(client, 'data');
    t.true(performance.now() - again >= 80 - 2);
  });
});

test('bytes keep their order, ends pass after them, and both ways are counted once', async (t) => {
  const sent = noise('long way', 3_000_000);
  await withLink(20, echo, async (client, counts) => {
    client.end(sent);
    t.deepEqual(await buffer(client), sent);
    t.deepEqual(await counts(), { sent: sent.length, received: sent.length });
    t.deepEqual(await counts(), { sent: 0, received: 0 });
  });
});

test('a server that hangs up is seen through the link', async (t) => {
  await withLink(
    10,
    (socket) => socket.destroy(),
    async (client) => {
      client.resume();
      await once(client, 'end');
      t.pass();
    },
  );
});
