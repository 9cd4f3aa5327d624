import type { Readable } from 'node:stream';
import { PackferryError } from './errors.ts';

/** Reads a stream into memory, up to `maxBytes`; more is `E_LIMIT_EXCEEDED` and destroys the stream. */
export async function collect(
  stream: Readable | AsyncIterable<Buffer>,
  maxBytes: number,
  name: string,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > maxBytes) {
      throw new PackferryError('E_LIMIT_EXCEEDED', `${name}: over the limit of ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}
