import { finished, Readable } from 'node:stream';

/**
 * Hands every chunk of a stream to `take`, and waits where that returns a promise. Does what `for await` does, but a
 * chunk costs two calls instead of promises, and is not copied together with others. When `take` throws or its promise
 * rejects, the stream is destroyed.
 */
export async function eachChunk(
  stream: AsyncIterable<Buffer> | Readable,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  if (!(stream instanceof Readable)) {
    for await (const chunk of stream) await take(chunk);
    return;
  }
  let waiting: Promise<void> | undefined;
  await new Promise<void>((resolve, reject) => {
    const fail = (fault: unknown): void => {
      reject(fault instanceof Error ? fault : new Error(String(fault), { cause: fault }));
      stream.destroy();
    };
    finished(stream, { writable: false }, (fault) => {
      if (fault) reject(fault);
      else resolve();
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        waiting = take(chunk);
      } catch (fault) {
        fail(fault);
        return;
      }
      if (waiting === undefined) return;
      stream.pause();
      waiting.then(() => stream.resume(), fail);
    });
  });
  await waiting;
}
