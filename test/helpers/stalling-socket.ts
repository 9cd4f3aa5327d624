import { connect, createServer, type Socket } from 'node:net';

export interface StallingSocket {
  /** Resolves when it has stopped passing bytes on. */
  readonly stalled: Promise<void>;
  readonly close: () => Promise<void>;
}

/** A socket in front of another one, which passes so many bytes on towards it and then holds everything back. */
export async function stallingSocket(file: string, behind: string, bytes: number): Promise<StallingSocket> {
  let stall = (): void => undefined;
  const stalled = new Promise<void>((resolve) => (stall = resolve));
  const open = new Set<Socket>();
  let passed = 0;
  const server = createServer((near) => {
    const far = connect(behind);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.once('close', () => other.destroy());
      one.on('error', () => undefined);
    }
    far.pipe(near);
    near.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      if (passed <= bytes) far.write(chunk);
      else {
        near.pause();
        stall();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  const close = async (): Promise<void> => {
    for (const one of open) one.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { stalled, close };
}
