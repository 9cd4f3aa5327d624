import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { DelayLine } from '../../../bin/bench/ssh/delay-line.ts';
import { noise } from '../../../bin/demo/sample-images.ts';

/** The two ends of a connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = await far;
  server.close();
  return [near, accepted];
}

test('many windows of SSH are on the way at once: the delay does not limit the rate', async (t) => {
  const [writer, from] = await pair();
  const [to, reader] = await pair();
  const sent = noise('wide', 16 * 1024 * 1024);
  let arrived = 0;
  reader.on('data', (chunk: Buffer) => (arrived += chunk.length));
  const hour = 3_600_000;
  await new Promise<void>((resolve) => {
    let setOut = 0;
    new DelayLine(from, to, hour, (bytes) => {
      setOut += bytes;
      if (setOut === sent.length) resolve();
    });
    writer.write(sent);
  });
  t.is(arrived, 0);
  for (const socket of [writer, from, to, reader]) socket.destroy();
});
