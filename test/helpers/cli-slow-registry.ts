import { answerTo } from '../../src/registry/server-routes.ts';
import type { ServedContent } from '../../src/core/served.ts';
import { startScripted, type ScriptedServer } from './registry-scripted.ts';

/** A registry that stops half-way through the largest layers until told otherwise. */
export interface SlowRegistry extends ScriptedServer {
  /** Resolves once half of a large layer has been sent. */
  readonly stalled: Promise<void>;
  /** Sends the rest of what has stalled. */
  readonly goOn: () => void;
  /** From now on everything is served whole. */
  readonly hurry: () => void;
  /** Digests of the blobs that were asked for, in order. */
  readonly blobs: () => string[];
}

/** Layers from this size on (bytes) stall. */
const stallsFrom = 300 * 1024;

/** Starts the registry. */
export async function startSlow(content: ServedContent): Promise<SlowRegistry> {
  let isSlow = true;
  let tell = (): void => undefined;
  const stalled = new Promise<void>((resolve) => (tell = resolve));
  let goOn = (): void => undefined;
  const going = new Promise<void>((resolve) => (goOn = resolve));
  const server = await startScripted(async ({ path, headers }, response) => {
    const answer = await answerTo({ method: 'GET', target: path, headers }, content);
    response.writeHead(answer.status, {
      ...answer.headers,
      ...(answer.stream === undefined ? {} : { 'content-length': answer.stream.size }),
    });
    if (answer.stream === undefined) {
      response.end(answer.bytes);
      return;
    }
    const { size } = answer.stream;
    let stalls = isSlow && size >= stallsFrom;
    let sent = 0;
    for await (const chunk of answer.stream.open() as AsyncIterable<Buffer>) {
      if (stalls && sent + chunk.length > size / 2) {
        const half = Math.max(0, size / 2 - sent);
        response.write(chunk.subarray(0, half));
        tell();
        stalls = false;
        await going;
        response.write(chunk.subarray(half));
        sent += chunk.length;
        continue;
      }
      response.write(chunk);
      sent += chunk.length;
    }
    response.end();
  });
  return {
    ...server,
    stalled,
    goOn,
    hurry: () => {
      isSlow = false;
    },
    blobs: () => server.seen.flatMap(({ path }) => /\/blobs\/(sha256:[0-9a-f]{64})/.exec(path)?.[1] ?? []),
  };
}
