// A long way to a server as a process of its own: `node delay-link.js PORT ROUNDTRIP [HOST]` (milliseconds; 127.0.0.1).
// Prints the port that it listens on, then, for every line on its standard input, how many bytes have set out towards the
// server and back since the last time (`DelayLinkBytes`). Ends with its standard input.
//
// Both directions have the delay of half a round trip; a new connection waits for a whole one, as the TCP handshake does.
// There is no limit on the rate; slow start, loss and jitter are not modelled.
import { connect, createServer, type AddressInfo } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { DelayLine } from './delay-line.ts';

export interface DelayLinkBytes {
  readonly sent: number;
  readonly received: number;
}

const [port = 0, roundTrip = 0] = process.argv.slice(2, 4).map(Number);
const host = process.argv[4] ?? '127.0.0.1';
let sent = 0;
let received = 0;

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
  client.on('error', () => undefined);
  void (roundTrip === 0 ? Promise.resolve() : delay(roundTrip)).then(() => {
    const upstream = connect({ port, host, allowHalfOpen: true });
    new DelayLine(client, upstream, roundTrip / 2, (bytes) => (sent += bytes));
    new DelayLine(upstream, client, roundTrip / 2, (bytes) => (received += bytes));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
    }
    client.resume();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
createInterface({ input: process.stdin })
  .on('line', () => {
    process.stdout.write(`${JSON.stringify({ sent, received } satisfies DelayLinkBytes)}\n`);
    sent = 0;
    received = 0;
  })
  .on('close', () => process.exit());
