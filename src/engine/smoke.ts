import type { SmokeAnswer } from '../core/ports.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';

/** What is run, the first that the image has: Python says more than a shell, and nearly all images of content have it. */
const commands = [
  ['python', '--version'],
  ['python3', '--version'],
  ['/bin/sh', '-c', ':'],
] as const;

/** A shell ends with these when a program cannot be run, or is not there; so do engines. */
const notThere = new Set<number | undefined>([undefined, 126, 127]);

/** Runs an image by its ID: does anything in it start? */
export async function smokeImage(engine: Engine, id: string, signal: AbortSignal): Promise<SmokeAnswer> {
  let reason = 'nothing was run';
  for (const command of commands) {
    const { status, words } = await engine.run({ image: id, command, signal });
    const said = engineWords(words);
    const line = command.join(' ');
    if (status === 0) return { started: true, command: line, words: said };
    reason = status === undefined ? `it does not start: ${said}` : `"${line}" ends with ${status}: ${said}`;
    // It is there and fails: another command would only hide that.
    if (!notThere.has(status)) break;
  }
  return { started: false, reason };
}
