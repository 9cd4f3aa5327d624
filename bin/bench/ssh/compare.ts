import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MadeBundle } from '../../../test/helpers/import-site.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import { cleanEnvironment, measure, medians, type Measured } from '../export/measure.ts';
import { withHosts, type Host } from './hosts.ts';
import type { Inputs } from './inputs.ts';
import { runIn } from './engine-command.ts';
import type { Scenario } from './scenarios.ts';
import type { Way } from './ways.ts';

/** One run of a way: what it took, and bytes that went both ways, where they are counted. */
export interface Run extends Measured {
  readonly sent?: number;
  readonly received?: number;
}

export interface Compared {
  readonly scenario: string;
  readonly hosts: number;
  readonly knownBase: boolean;
  readonly roundTrip: number;
  /** Bytes of the blobs, each once, that the engine of a host lacked. */
  readonly missing: number;
  readonly ways: readonly { readonly name: string; readonly median: Run; readonly runs: readonly Run[] }[];
}

export interface CompareOptions {
  readonly kind: EngineKind;
  readonly inputs: Inputs;
  readonly ways: readonly Way[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
}

/** Lets every way bring the same images to such hosts, in turns, so that a busy moment meets all of them. */
export async function compare(scenario: Scenario, options: CompareOptions): Promise<Compared> {
  const { inputs, rounds, tell } = options;
  const ways = options.ways.filter(({ needsHosts = 1 }) => needsHosts <= scenario.hosts);
  const bundle = scenario.knownBase ? inputs.one : inputs.all;
  const runs = new Map<Way, Run[]>(ways.map((way) => [way, []]));
  const once = async (way: Way, hosts: readonly Host[]): Promise<void> => {
    const run = await runOnce(way, hosts, bundle, inputs);
    runs.get(way)?.push(run);
    tell(`  ${scenario.name}: ${way.name} ${run.seconds.toFixed(2)} s`);
  };
  for (let round = 1; round <= rounds; round += 1) {
    if (scenario.knownBase) {
      await withFreshHosts(scenario, options, async (hosts) => {
        for (const { engine } of hosts) await loadDirectly(engine, inputs.all);
        for (const way of ways) {
          await once(way, hosts);
          // What the others have stays: the base is known to the next way, too.
          for (const { engine } of hosts) await runIn(engine, ['rmi', ...names(bundle)]);
        }
      });
      continue;
    }
    for (const way of ways) await withFreshHosts(scenario, options, (hosts) => once(way, hosts));
  }
  return {
    ...{ scenario: scenario.name, hosts: scenario.hosts, knownBase: scenario.knownBase },
    roundTrip: scenario.roundTrip ?? 0,
    missing: scenario.knownBase ? lackedBytes(inputs) : bundle.bytes,
    ways: ways.map((way) => {
      const own = runs.get(way) ?? [];
      return { name: way.name, median: medianOf(own), runs: own };
    }),
  };
}

function withFreshHosts<T>(
  { hosts, roundTrip }: Scenario,
  { kind, inputs: { like, knownHosts } }: CompareOptions,
  use: (hosts: readonly Host[]) => Promise<T>,
): Promise<T> {
  const writeKnown = (line: string): Promise<void> => appendFile(knownHosts, line);
  return withHosts(hosts, { kind, like, knownHosts, writeKnown, roundTrip }, async (started) => {
    try {
      return await use(started);
    } finally {
      // Ports come again, with other keys.
      await writeFile(knownHosts, '');
    }
  });
}

/** With a home of its own: what one run remembers is not known to the next. Throws when an image is not there then. */
async function runOnce(way: Way, hosts: readonly Host[], bundle: MadeBundle, inputs: Inputs): Promise<Run> {
  const place = path.join(inputs.folder, 'run');
  for (const name of ['home', 'tmp', 'run', 'state'])
    await mkdir(path.join(place, name), { recursive: true });
  const env = { ...cleanEnvironment(place), PACKFERRY_STATE: path.join(place, 'state') };
  const daemons = [...hosts.flatMap((host) => host.daemons), ...(way.fromEngine ? [inputs.saverDaemon] : [])];
  try {
    for (const host of hosts) await host.bytes();
    const measured = await measure(
      way.commands({ ...inputs, bundle, hosts, home: path.join(place, 'home') }),
      {
        ...{ env, output: place, folders: [], daemons },
        settled: async () => {
          for (const host of hosts) await host.settled();
        },
      },
    );
    for (const { engine } of hosts) await runIn(engine, ['image', 'inspect', ...names(bundle)]);
    const counts = await Promise.all(hosts.map((host) => host.bytes()));
    const sum = (key: 'sent' | 'received'): number => counts.reduce((all, one) => all + (one?.[key] ?? 0), 0);
    const isCounted = counts.every((one) => one !== undefined);
    return isCounted ? { ...measured, sent: sum('sent'), received: sum('received') } : measured;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Not over SSH, and not measured. */
function loadDirectly(engine: Host['engine'], { dir }: MadeBundle): Promise<void> {
  return runIn(engine, ['load', '--quiet', '--input', path.join(dir, 'images-001.tar')], [dir]);
}

function names({ images }: MadeBundle): string[] {
  return images.map(({ reference }) => reference);
}

function medianOf(runs: readonly Run[]): Run {
  const of = (key: 'sent' | 'received'): readonly number[] => runs.flatMap(({ [key]: bytes }) => bytes ?? []);
  const middle = (numbers: readonly number[]): number | undefined =>
    [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const [sent, received] = [middle(of('sent')), middle(of('received'))];
  return {
    ...medians(runs),
    ...(sent === undefined || received === undefined ? {} : { sent, received }),
  };
}

/** What an engine lacks of the image that comes later: the layers that none of the others has. */
function lackedBytes({ all, one }: Inputs): number {
  const held = new Set(all.images.flatMap(({ layers }) => layers.map(({ digest }) => digest)));
  return one.images
    .flatMap(({ layers }) => layers)
    .filter(({ digest }) => !held.has(digest))
    .reduce((sum, { size }) => sum + size, 0);
}
