import { Duplex } from 'node:stream';
import type { Client } from 'ssh2';

/** Milliseconds in which what was written last may leave. */
const endWithin = 1000;

/**
 * Ends a connection of ssh2, with a word to the host where the link takes it soon. Over a link that stands still that word
 * waits behind all that was written before it, and `destroy` of ssh2 does nothing once `end` was called: so the socket, which
 * lies in `_sock`, is destroyed here.
 */
export function endClient(client: Client): void {
  const socket: unknown = Reflect.get(client, '_sock');
  client.end();
  if (!(socket instanceof Duplex) || socket.destroyed) return;
  const patience = setTimeout(() => socket.destroy(), endWithin);
  socket.once('close', () => clearTimeout(patience));
}
