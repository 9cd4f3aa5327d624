import { Agent, get, type IncomingMessage } from 'node:http';
import type { PushedSet } from './images.ts';

export interface LinkProbe {
  /** Milliseconds from a request to its answer, on an open connection. */
  readonly roundTrip: number;
  /** Bytes per second that one connection gets. */
  readonly one: number;
  /** Bytes per second that many connections get together. */
  readonly many: number;
}

const connections = 10;

/** Measures a link with plain GETs that throw everything away: what the best of all clients could get. */
export async function probeLink(host: string, { layers }: PushedSet): Promise<LinkProbe> {
  const agent = new Agent({ keepAlive: true });
  try {
    await fetchAll(`http://${host}/v2/`, agent);
    const start = performance.now();
    await fetchAll(`http://${host}/v2/`, agent);
    const roundTrip = performance.now() - start;
    const [largest] = layers;
    if (largest === undefined) throw new Error('no layer to probe the link with');
    const url = `http://${host}/v2/${largest.repository}/blobs/${largest.digest}`;
    const one = await rateOf(() => fetchAll(url, agent));
    // Everybody fetches the same, so that all are busy to the end.
    const many = await rateOf(async () => {
      const parts = Array.from({ length: connections }, () => fetchAll(url, agent));
      return (await Promise.all(parts)).reduce((sum, bytes) => sum + bytes, 0);
    });
    return { roundTrip, one, many };
  } finally {
    agent.destroy();
  }
}

async function rateOf(run: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const bytes = await run();
  return (bytes * 1000) / (performance.now() - start);
}

function fetchAll(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (answer: IncomingMessage) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
      answer.on('end', () => resolve(bytes));
      answer.on('error', reject);
      if (answer.statusCode !== 200) answer.destroy(new Error(`${url}: status ${String(answer.statusCode)}`));
    });
    request.on('error', reject);
  });
}
