import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { projectRoot } from './cli.ts';

/** The compiled files and packages that are loaded when an action starts; dynamic imports are not followed. */
export async function loadedWithAction(name: string): Promise<readonly string[]> {
  const cli = path.join(projectRoot, 'dist', 'src', 'cli');
  const seen = new Set<string>();
  for (const file of ['main.js', 'run-command.js', `actions/${name}.js`])
    await add(path.join(cli, file), seen);
  return [...seen];
}

async function add(file: string, seen: Set<string>): Promise<void> {
  if (seen.has(file)) return;
  seen.add(file);
  const text = await readFile(file, 'utf8');
  for (const [, name = ''] of text.matchAll(/^(?:import|export) (?:.* from )?['"](.+)['"];$/gm)) {
    if (name.startsWith('.')) await add(path.join(path.dirname(file), name), seen);
    else seen.add(name);
  }
}
