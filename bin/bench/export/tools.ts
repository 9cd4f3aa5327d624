import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { startDockerd } from '../../../test/helpers/system-dockerd.ts';
import type { PushedImage } from './images.ts';
import type { Command } from './measure.ts';

const root = path.resolve(import.meta.dirname, '../../../..');

/** What a tool is to fetch, and whereto. */
export interface Task {
  /** `127.0.0.1:PORT` of the registry. */
  readonly host: string;
  readonly images: readonly PushedImage[];
  /** An empty folder for the result. */
  readonly output: string;
  /** An export manifest of the same images, and the key that signs. */
  readonly manifest: string;
  readonly key: string;
}

/** A tool made ready for one run. */
export interface Ready {
  readonly commands: readonly Command[];
  readonly env?: NodeJS.ProcessEnv;
  /** Folders beside the output that count as its disk. */
  readonly folders?: readonly string[];
  readonly daemon?: number;
  readonly stop?: () => Promise<void>;
}

export interface Tool {
  readonly name: string;
  /** What it does, for the table. */
  readonly does: string;
  /** Called before every run; the time that it takes does not count. */
  readonly prepare: (task: Task) => Promise<Ready>;
}

/** A program in PATH or where daemons lie. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
  ];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The tools that are on this machine, packferry first; each that is not is told. */
export function findTools(crane: string | undefined, tell: (line: string) => void): Tool[] {
  const find = (name: string, given?: string): string | undefined => {
    const found = given ?? findProgram(name);
    if (found === undefined) tell(`left out: ${name} is not installed`);
    return found;
  };
  const tools: Tool[] = [packferry];
  const craneProgram = find('crane', crane);
  if (craneProgram !== undefined) tools.push(craneTool(craneProgram));
  const skopeo = find('skopeo');
  if (skopeo !== undefined) tools.push(skopeoTool(skopeo));
  if (process.getuid?.() !== 0) tell('left out: docker, which needs root to start an engine of its own');
  else if (find('docker') !== undefined && find('dockerd') !== undefined) tools.push(docker);
  return tools;
}

const packferry: Tool = {
  name: 'packferry export',
  does: 'signed bundle with sums, synced',
  prepare: async ({ manifest, key, output }) => {
    const args = ['export', manifest, '-o', path.join(output, 'bundle'), '--key', key, '--quiet'];
    return Promise.resolve({
      commands: [[process.execPath, path.join(root, 'bin', 'packferry.js'), ...args]],
    });
  },
};

function craneTool(program: string): Tool {
  return {
    name: 'crane pull',
    does: 'one tarball',
    prepare: async (task) => {
      const names = task.images.map((image) => nameAt(task.host, image));
      return Promise.resolve({
        commands: [[program, 'pull', ...names, path.join(task.output, 'images.tar')]],
      });
    },
  };
}

function skopeoTool(program: string): Tool {
  return {
    name: 'skopeo copy',
    does: 'one OCI layout',
    prepare: async ({ host, images, output }) => {
      const layout = path.join(output, 'layout');
      const commands = images.map((image): Command => {
        const from = `docker://${nameAt(host, image)}`;
        const to = `oci:${layout}:${image.repository}-${image.tag}`;
        return [program, '--insecure-policy', 'copy', '--quiet', '--src-tls-verify=false', from, to];
      });
      return Promise.resolve({ commands });
    },
  };
}

/** A fresh engine for every run: its store is empty. */
const docker: Tool = {
  name: 'docker pull + save',
  does: 'one archive per image',
  prepare: async ({ host, images, output }) => {
    const engine = await startDockerd();
    const program = findProgram('docker') ?? 'docker';
    const own = ['--host', `unix://${engine.socket}`];
    const commands = images.flatMap((image, at): Command[] => [
      [program, ...own, 'pull', '--quiet', nameAt(host, image)],
      [program, ...own, 'save', '-o', path.join(output, `${at}.tar`), nameAt(host, image)],
    ]);
    const daemon = Number(await readFile(path.join(engine.folder, 'pid'), 'utf8'));
    const env = { DOCKER_CONFIG: path.join(engine.folder, 'docker-config') };
    return { commands, env, folders: [path.join(engine.folder, 'data')], daemon, stop: () => engine.stop() };
  },
};

function nameAt(host: string, { repository, tag }: PushedImage): string {
  return `${host}/${repository}:${tag}`;
}
