import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export interface CountingSocket {
  readonly socket: string;
  /** Bytes that clients have sent to the server since the last call. */
  readonly sent: () => number;
  /** Bytes that clients have got of the server so far. */
  readonly received: () => number;
}

export interface Cut {
  /** Bytes of clients that are passed on before it happens. */
  readonly after: number;
  /** Called once; nothing more is passed on, nor even taken before this has ended. */
  readonly then: () => Promise<void>;
}

/** Runs with a Unix socket at `path` that passes everything on to another one, and counts. */
export async function withCountingSocket<T>(
  path: string,
  target: string,
  use: (counting: CountingSocket) => Promise<T>,
  cut?: Cut,
): Promise<T> {
  let total = 0;
  let told = 0;
  let answered = 0;
  let isCut = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ path: target, allowHalfOpen: true });
    client.on('data', (chunk: Buffer) => {
      if (isCut) return;
      total += chunk.length;
      const hasRoom = upstream.write(chunk);
      if (cut !== undefined && total >= cut.after) {
        isCut = true;
        client.pause();
        void cut.then().finally(() => client.resume());
      } else if (!hasRoom) {
        client.pause();
        upstream.once('drain', () => client.resume());
      }
    });
    client.on('end', () => upstream.end());
    upstream.on('data', (chunk: Buffer) => (answered += chunk.length)).pipe(client);
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  try {
    return await use({
      socket: path,
      sent: () => {
        const since = total - told;
        told = total;
        return since;
      },
      received: () => answered,
    });
  } finally {
    server.close();
  }
}
