import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Bytes that went towards the server so far. */
  readonly sent: () => number;
  /** Called once so many bytes went towards the server. */
  readonly after: (bytes: number, act: () => void) => void;
  /** The same of bytes that came from the server, from now on. */
  readonly afterReceived: (bytes: number, act: () => void) => void;
  /** Breaks every connection. */
  readonly cut: () => void;
  /** From now on nothing passes, and new connections are taken and told nothing. */
  readonly stall: () => void;
}

interface Watch {
  readonly bytes: number;
  readonly act: () => void;
}

/** Calls `use` with a proxy in front of a server, which can break or hold up what goes through it. */
export async function withCuttingProxy<T>(
  target: { readonly host: string; readonly port: number },
  use: (proxy: CuttingProxy) => Promise<T>,
): Promise<T> {
  const open = new Set<Socket>();
  let sent = 0;
  let isStalled = false;
  let received = 0;
  let watch: Watch | undefined;
  let watchBack: Watch | undefined;
  const server = createServer((client) => {
    if (isStalled) {
      open.add(client);
      client.on('error', () => undefined);
      return;
    }
    const far = connect(target.port, target.host);
    for (const one of [client, far]) {
      open.add(one);
      one.on('error', () => undefined);
    }
    client.on('data', (chunk) => {
      sent += chunk.length;
      if (watch === undefined || sent < watch.bytes) return;
      const { act } = watch;
      watch = undefined;
      act();
    });
    far.on('data', (chunk) => {
      received += chunk.length;
      if (watchBack === undefined || received < watchBack.bytes) return;
      const { act } = watchBack;
      watchBack = undefined;
      act();
    });
    client.pipe(far).pipe(client);
    // Whoever was killed with something unread resets the connection: no end comes of it.
    client.once('close', () => far.destroy());
  });
  const cut = (): void => {
    for (const one of open) one.destroy();
  };
  const stall = (): void => {
    isStalled = true;
    for (const one of open) one.unpipe().pause();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const after = (bytes: number, act: () => void): void => void (watch = { bytes, act });
  const afterReceived = (bytes: number, act: () => void): void =>
    void (watchBack = { bytes: received + bytes, act });
  try {
    return await use({ port: address.port, sent: () => sent, after, afterReceived, cut, stall });
  } finally {
    cut();
    server.close();
  }
}
