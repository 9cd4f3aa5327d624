import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server } from 'node:net';

/**
 * A TCP port of 127.0.0.1 that nobody uses, for a program that can only be told a number. Until this process ends no other
 * test gets it, nor does the system for a server without a number or for a connection that goes out.
 */
export async function freePort(): Promise<number> {
  const [first, end] = await usable();
  for (;;) {
    const port = randomInt(first, end);
    // A name without a file, which is gone with this process. What holds it must not keep the process from ending.
    const claim = await listen({ path: `\0packferry-test-port-${port}` });
    claim?.unref();
    if (claim === undefined) continue;
    const server = await listen({ host: '127.0.0.1', port });
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** Below those that the system gives out by itself. */
async function usable(): Promise<readonly [number, number]> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768');
  const end = parseInt(range, 10);
  return end >= 20_000 ? [10_000, end] : [49_152, 65_536];
}

/** Resolves with nothing where somebody else has it. */
function listen(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (fault: NodeJS.ErrnoException) => {
      if (fault.code === 'EADDRINUSE' || fault.code === 'EACCES') resolve(undefined);
      else reject(fault);
    });
    server.listen(options, () => resolve(server));
  });
}
