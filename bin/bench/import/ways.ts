import path from 'node:path';
import process from 'node:process';
import type { Dockerd } from '../../../test/helpers/system-dockerd.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import { systemTools } from '../../../test/helpers/system-tools.ts';
import type { Command } from '../export/measure.ts';
import type { Engine } from './engines.ts';
import type { Inputs } from './inputs.ts';

const root = path.resolve(import.meta.dirname, '../../../..');

/** A way to bring the nine images to an engine. */
export interface Way {
  readonly name: string;
  /** Archives of `docker save` are needed. */
  readonly needsSaves: boolean;
  readonly commands: (kind: EngineKind, engine: Engine, inputs: Inputs) => readonly Command[];
}

/** packferry first. */
export const ways: readonly Way[] = [
  {
    name: 'packferry import',
    needsSaves: false,
    commands: (kind, engine, inputs) => [importing(kind, engine.socket, inputs.nine.dir, inputs)],
  },
  {
    name: "load of the bundle's archive",
    needsSaves: false,
    commands: (kind, engine, { folder, nine }) => [
      loading(kind, engine, path.join(nine.dir, 'images-001.tar'), folder),
    ],
  },
  {
    name: 'load of one save of all',
    needsSaves: true,
    commands: (kind, engine, { folder, saves }) => [loading(kind, engine, saves.all, folder)],
  },
  {
    name: 'one load of a save per image',
    needsSaves: true,
    commands: (kind, engine, { folder, saves }) =>
      saves.each.map((file) => loading(kind, engine, file, folder)),
  },
];

const program = [process.execPath, path.join(root, 'bin', 'packferry.js')] as const;

/** `packferry import` of a bundle, with its verification. */
export function importing(
  { product }: EngineKind,
  socket: string,
  dir: string,
  { trusted, jobs }: Pick<Inputs, 'trusted' | 'jobs'>,
): Command {
  const to = ['--to', `${product}:unix://${socket}`, ...(jobs === undefined ? [] : ['--jobs', jobs])];
  return [...program, 'import', dir, ...to, '--trusted-keys', trusted, '--yes', '--quiet'];
}

/** `packferry verify`: what the import does first. */
export function verifying({ nine, trusted }: Inputs): Command {
  return [...program, 'verify', nine.dir, '--trusted-keys', trusted, '--quiet'];
}

/** The engine's own command for loading a file of `folder`. */
function loading({ product }: EngineKind, engine: Engine, file: string, folder: string): Command {
  if (product === 'podman' && 'commandOf' in engine) {
    const { command, args } = engine.commandOf(['load', '--quiet', '--input', file], [folder]);
    return [command, ...args];
  }
  return dockerCommand(engine, ['load', '--quiet', '--input', file]);
}

export function dockerCommand({ socket }: Pick<Dockerd, 'socket'>, args: readonly string[]): Command {
  return [systemTools().path('docker'), '--host', `unix://${socket}`, ...args];
}
