// A slow link to a server on this machine, as a process of its own: `node slow-link.js PORT ROUNDTRIP PERCONNECTION TOTAL`
// (milliseconds, bytes per second, bytes per second). Prints the port that it listens on; ends with its standard input.
//
// Both directions have the delay of half a round trip; a new connection waits for one more, as the TCP handshake does.
// The rates hold for what comes down. Slow start, loss and jitter are not modelled.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import process from 'node:process';
import { Lane } from './lane.ts';
import { TokenBucket } from './token-bucket.ts';

const [port = 0, roundTrip = 0, perConnection = 0, total = 0] = process.argv.slice(2).map(Number);

/** A busy machine wakes this process late; what could have been sent in the meantime is not lost. */
const burst = 25;
/** Connections take turns of this many bytes. */
const turn = 16 * 1024;
const tick = 1;

const all = new TokenBucket(total, burst, performance.now());
const down = new Set<Lane>();
const up = new Set<Lane>();
let timer: NodeJS.Timeout | undefined;

const server = createServer((client) => {
  const upstream = connect(port, '127.0.0.1');
  const now = performance.now();
  const free = new TokenBucket(Number.MAX_SAFE_INTEGER, burst, now);
  const toServer = new Lane(client, upstream, roundTrip / 2, now + roundTrip, free);
  const toClient = new Lane(upstream, client, roundTrip / 2, now, new TokenBucket(perConnection, burst, now));
  up.add(toServer);
  down.add(toClient);
  const close = (other: Socket) => () => {
    up.delete(toServer);
    down.delete(toClient);
    other.destroy();
  };
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    socket.setNoDelay(true);
    socket.on('error', close(other));
  }
  client.on('close', close(upstream));
  timer ??= setInterval(move, tick);
});

function move(): void {
  const now = performance.now();
  for (const lane of up) while (lane.send(now, turn) > 0);
  let left = all.available(now);
  for (let sent = 1; sent > 0 && left > 0;) {
    sent = 0;
    for (const lane of [...down]) {
      const bytes = lane.send(now, Math.min(turn, left));
      all.take(bytes);
      left -= bytes;
      sent += bytes;
      // Whoever was served goes to the end of the queue: nobody has the first turn twice.
      if (bytes > 0 && down.delete(lane)) down.add(lane);
    }
  }
  for (const lane of [...up, ...down]) lane.deliver(now);
  if (up.size === 0) {
    clearInterval(timer);
    timer = undefined;
  }
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on('close', () => process.exit()).resume();
