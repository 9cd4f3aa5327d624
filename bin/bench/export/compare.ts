import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generateSigningKey } from '../../../src/flows/keygen.ts';
import type { PushedImage } from './images.ts';
import { cleanEnvironment, measure, medians, type Measured } from './measure.ts';
import type { Task, Tool } from './tools.ts';

export interface Comparison {
  readonly tool: string;
  readonly does: string;
  readonly median: Measured;
  readonly runs: readonly Measured[];
}

export interface CompareOptions {
  readonly folder: string;
  readonly host: string;
  readonly images: readonly PushedImage[];
  readonly tools: readonly Tool[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
}

/** Lets every tool fetch the same images, in turns, so that a busy moment of the machine meets all of them. */
export async function compare(options: CompareOptions): Promise<Comparison[]> {
  const { folder, tools, rounds, tell } = options;
  const inputs = await writeInputs(options);
  const runs = new Map<string, Measured[]>(tools.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const tool of tools) {
      const measured = await runOnce(tool, folder, inputs);
      runs.get(tool.name)?.push(measured);
      tell(`  round ${round} of ${rounds}: ${tool.name} ${measured.seconds.toFixed(2)} s`);
    }
  }
  return tools.map(({ name, does }) => {
    const own = runs.get(name) ?? [];
    return { tool: name, does, median: medians(own), runs: own };
  });
}

async function runOnce(tool: Tool, folder: string, inputs: Omit<Task, 'output'>): Promise<Measured> {
  const place = path.join(folder, 'run');
  const output = path.join(place, 'output');
  const env = cleanEnvironment(place);
  for (const made of [output, ...['home', 'tmp', 'run'].map((name) => path.join(place, name))]) {
    await mkdir(made, { recursive: true });
  }
  try {
    const ready = await tool.prepare({ ...inputs, output });
    try {
      return await measure(ready.commands, {
        env: { ...env, ...ready.env },
        output,
        folders: [place, ...(ready.folders ?? [])],
        ...(ready.daemon === undefined ? {} : { daemons: [ready.daemon] }),
      });
    } finally {
      await ready.stop?.();
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The key and the export manifest; images are named as packs name them, with the registry as mirror of their own. */
async function writeInputs({ folder, host, images }: CompareOptions): Promise<Omit<Task, 'output'>> {
  const key = path.join(folder, 'key');
  const manifest = path.join(folder, 'bench.yml');
  await rm(key, { force: true });
  await rm(`${key}.pub`, { force: true });
  await generateSigningKey({ file: key, type: 'ed25519', principal: 'bench', passphrase: undefined });
  const lines = [
    'schema: packferry.export/v1',
    'name: bench',
    'registries:',
    `  docker.io: { mirrors: ["${host}"] }`,
    'images:',
    ...images.map(({ repository, tag }) => `  - ${repository}:${tag}`),
    '',
  ];
  await writeFile(manifest, lines.join('\n'));
  return { host, images, manifest, key };
}
