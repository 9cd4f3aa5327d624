import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execOk } from '../../../test/helpers/system-exec.ts';
import type { Command } from '../export/measure.ts';
import type { Engine } from '../import/engines.ts';
import { dockerCommand } from '../import/ways.ts';

/** An engine's own command line; that of Podman sees these folders beside its own. */
export function engineCommand(
  engine: Engine,
  args: readonly string[],
  folders: readonly string[] = [],
): Command {
  if (!('commandOf' in engine)) return dockerCommand(engine, args);
  const line = engine.commandOf(args, folders);
  return [line.command, ...line.args];
}

/** Runs it. Throws when it fails. */
export async function runIn(
  engine: Engine,
  args: readonly string[],
  folders: readonly string[] = [],
): Promise<void> {
  const [program, ...words] = engineCommand(engine, args, folders);
  await execOk(program, words);
}

/** Words for a shell, also such with line breaks. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What is set for commands over SSH, so that `docker` or `podman` finds this engine. */
export async function remoteEnvironment(engine: Engine): Promise<string> {
  if (!('commandOf' in engine)) return `PATH=${usualPath} DOCKER_HOST=unix://${engine.socket}`;
  const bin = path.join(engine.folder, 'bin');
  await mkdir(bin, { recursive: true });
  // With the usual path: in the root of the newer one, this would call itself.
  const lines = ['#!/bin/sh', `PATH=${usualPath}`, `exec ${quoted(engineCommand(engine, []))} "$@"`];
  await writeFile(path.join(bin, 'podman'), `${lines.join('\n')}\n`, { mode: 0o755 });
  return `PATH=${bin}:${usualPath}`;
}
