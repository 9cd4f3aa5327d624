import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { withCountingSocket } from '../../../test/helpers/counting-socket.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import { cleanEnvironment, measure, medians, type Command, type Measured } from '../export/measure.ts';
import { processOf, withEmptyEngine, type Engine } from './engines.ts';
import type { Inputs } from './inputs.ts';
import { importing, verifying, type Way } from './ways.ts';

export interface EngineResult {
  readonly engine: string;
  readonly ways: readonly { readonly name: string; readonly median: Measured }[];
  /** `packferry verify` alone. */
  readonly verify: Measured;
  /** A second import, when all is there. */
  readonly present: Measured;
  /** An import of one more image on a base that is there. */
  readonly update: Measured;
  /** Bytes that went to the engine for it, questions and all, and those of the layers that it lacked. */
  readonly updateBytes: { readonly sent: number; readonly missing: number };
}

export interface CompareOptions {
  readonly kind: EngineKind;
  readonly inputs: Inputs;
  readonly ways: readonly Way[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
}

/** Lets every way bring the same images to an empty engine, in turns, so that a busy moment meets all of them. */
export async function compare(options: CompareOptions): Promise<EngineResult> {
  const { kind, inputs, ways, rounds, tell } = options;
  const runs = new Map<string, Measured[]>();
  const note = (name: string, measured: Measured): void => {
    runs.set(name, [...(runs.get(name) ?? []), measured]);
    const cpu = `${measured.clientCpuSeconds.toFixed(2)} + ${(measured.cpuSeconds - measured.clientCpuSeconds).toFixed(2)}`;
    tell(`  ${kind.name}: ${name} ${measured.seconds.toFixed(2)} s (CPU ${cpu})`);
  };
  let sent = 0;
  for (let round = 1; round <= rounds; round += 1) {
    for (const [at, way] of ways.entries()) {
      await withEmptyEngine(kind, async (engine) => {
        const run = runner(engine, inputs);
        note(way.name, await run(way.commands(kind, engine, inputs)));
        if (at > 0) return;
        note('verify', await run([verifying(inputs)]));
        note('present', await run([importing(kind, engine.socket, inputs.nine.dir, inputs)]));
        const counted = path.join(engine.folder, 'counted.sock');
        await withCountingSocket(counted, engine.socket, async (counting) => {
          note('update', await run([importing(kind, counting.socket, inputs.one.dir, inputs)]));
          sent = counting.sent();
        });
      });
    }
  }
  const of = (name: string): Measured => medians(runs.get(name) ?? []);
  return {
    engine: kind.name,
    ways: ways.map(({ name }) => ({ name, median: of(name) })),
    verify: of('verify'),
    present: of('present'),
    update: of('update'),
    updateBytes: { sent, missing: missingBytes(inputs) },
  };
}

/** Each command with its own home; what one import remembers is not known to the next. */
function runner(engine: Engine, { folder }: Inputs): (commands: readonly Command[]) => Promise<Measured> {
  return async (commands) => {
    const place = path.join(folder, 'run');
    const made = ['home', 'tmp', 'run', 'state'].map((name) => path.join(place, name));
    for (const each of made) await mkdir(each, { recursive: true });
    const env = { ...cleanEnvironment(place), PACKFERRY_STATE: path.join(place, 'state') };
    try {
      return await measure(commands, { env, output: place, folders: [], daemons: [processOf(engine)] });
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  };
}

/** What the engine lacks of the image that comes later: the layers that none of the nine has. */
function missingBytes({ nine, one }: Inputs): number {
  const held = new Set(nine.images.flatMap(({ layers }) => layers.map(({ digest }) => digest)));
  return one.images
    .flatMap(({ layers }) => layers)
    .filter(({ digest }) => !held.has(digest))
    .reduce((sum, { size }) => sum + size, 0);
}
