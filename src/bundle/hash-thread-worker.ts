// The thread behind hash-thread.ts: reads files from their start on as far as it is told to, and hashes them.
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** Hash the file on to a place, or say what came out. `id` is one file; its descriptor must stay open meanwhile. */
export type HashRequest =
  | { readonly id: number; readonly fd: number; readonly to: number }
  | { readonly id: number; readonly ended: true };

/** sha256 in hex, or why there is none. */
export type HashAnswer =
  { readonly id: number; readonly hex: string } | { readonly id: number; readonly fault: Error };

interface Progress {
  readonly hash: Hash;
  reached: number;
  fault?: Error;
}

const files = new Map<number, Progress>();
const buffer = Buffer.allocUnsafe(1024 * 1024);

parentPort?.on('message', (request: HashRequest) => {
  const { id } = request;
  const file = files.get(id) ?? { hash: createHash('sha256'), reached: 0 };
  files.set(id, file);
  if ('to' in request) {
    advance(file, request.fd, request.to);
    return;
  }
  files.delete(id);
  const answer: HashAnswer =
    file.fault === undefined ? { id, hex: file.hash.digest('hex') } : { id, fault: file.fault };
  parentPort?.postMessage(answer);
});

function advance(file: Progress, fd: number, to: number): void {
  try {
    while (file.reached < to) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, to - file.reached), file.reached);
      if (read === 0) throw new Error('the file became shorter while it was read');
      file.hash.update(buffer.subarray(0, read));
      file.reached += read;
    }
  } catch (fault) {
    file.fault ??= fault instanceof Error ? fault : new Error(String(fault));
  }
}
