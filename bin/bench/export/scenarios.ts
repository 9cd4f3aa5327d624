import { startDockerRegistry } from '../../../test/helpers/system-registry.ts';
import { compare, type Comparison } from './compare.ts';
import type { GeneratedLine } from './generated-registry.ts';
import { startHelper } from './helper-process.ts';
import { pushImages, type PushedSet } from './images.ts';
import { probeLink, type LinkProbe } from './probe-link.ts';
import { findProgram, type Tool } from './tools.ts';

export interface ScenarioOptions {
  readonly folder: string;
  readonly tools: readonly Tool[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
}

/** The slow link: milliseconds, and bytes per second. */
export const link = { roundTrip: 40, perConnection: 20e6, total: 100e6 } as const;

export interface PeersResult {
  readonly scenario: 'loopback' | 'slow';
  readonly uniqueBytes: number;
  readonly blobs: number;
  readonly comparisons: readonly Comparison[];
  /** What plain GETs get over the slow link. */
  readonly probe?: LinkProbe;
}

export interface ManyResult {
  readonly scenario: 'many';
  readonly sizes: readonly {
    readonly images: number;
    readonly blobs: number;
    readonly uniqueBytes: number;
    readonly comparison: Comparison;
  }[];
}

/** Nine images in a registry on this machine, without and with a slow link in front of it. */
export async function comparePeers(
  scenarios: readonly PeersResult['scenario'][],
  options: ScenarioOptions,
): Promise<PeersResult[]> {
  if (findProgram('docker-registry') === undefined) {
    options.tell('left out: docker-registry is not installed, and these scenarios need it');
    return [];
  }
  const registry = await startDockerRegistry();
  try {
    options.tell('making nine images and pushing them ...');
    const pushed = await pushImages(registry.host);
    const results: PeersResult[] = [];
    for (const scenario of scenarios) {
      options.tell(`${scenario}:`);
      const run = scenario === 'slow' ? runSlow : runLoopback;
      results.push(await run(registry.host, pushed, options));
    }
    return results;
  } finally {
    await registry.stop();
  }
}

async function runLoopback(host: string, pushed: PushedSet, options: ScenarioOptions): Promise<PeersResult> {
  const { uniqueBytes, blobs, images } = pushed;
  const comparisons = await compare({ ...options, host, images });
  return { scenario: 'loopback', uniqueBytes, blobs, comparisons };
}

async function runSlow(host: string, pushed: PushedSet, options: ScenarioOptions): Promise<PeersResult> {
  const { uniqueBytes, blobs, images } = pushed;
  const port = host.slice(host.lastIndexOf(':') + 1);
  const slow = await startHelper('slow-link.js', [port, link.roundTrip, link.perConnection, link.total]);
  try {
    const near = `127.0.0.1:${slow.line}`;
    const probe = await probeLink(near, pushed);
    const comparisons = await compare({ ...options, host: near, images });
    return { scenario: 'slow', uniqueBytes, blobs, comparisons, probe };
  } finally {
    await slow.stop();
  }
}

/** As many images as the vendor's content names, in three sizes, from a registry that computes them. */
export async function exportMany(totals: readonly number[], options: ScenarioOptions): Promise<ManyResult> {
  const sizes: ManyResult['sizes'][number][] = [];
  for (const total of totals) {
    options.tell(`many, ${(total / 1e9).toFixed(1)} GB:`);
    const registry = await startHelper('generated-registry.js', [total]);
    try {
      const { port, images, uniqueBytes, blobs } = JSON.parse(registry.line) as GeneratedLine;
      const tools = options.tools.slice(0, 1);
      const [comparison] = await compare({ ...options, tools, host: `127.0.0.1:${port}`, images });
      if (comparison !== undefined) sizes.push({ images: images.length, blobs, uniqueBytes, comparison });
    } finally {
      await registry.stop();
    }
  }
  return { scenario: 'many', sizes };
}
