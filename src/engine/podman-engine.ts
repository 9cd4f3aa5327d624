import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { formatReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import {
  commandFailed,
  endOf,
  notStarted,
  startCommand,
  stopCommand,
  wordsFrom,
  type Child,
  type Ending,
  type EngineCommand,
} from './command.ts';
import { buildByCommand } from './build-by-command.ts';
import type { BuildRequest } from './build-image.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine, LoadRequest, Trial, TrialResult } from './engine.ts';
import { engineWords } from './engine-words.ts';
import { inspection, withAlgorithm, type Inspection } from './inspection.ts';
import { loadFailed } from './load-answer.ts';
import { inTime } from './patience.ts';
import { readPodmanFacts } from './podman-facts.ts';
import { parseAnswer } from './parse-answer.ts';

/** Podman without its API, by its own command. */
export interface PodmanCommand extends EngineCommand {
  readonly kind: 'podman-command';
}

/** Podman ends with this when it, and not a container, has failed (podman-run(1), "Exit Status"). */
const podmanFailed = 125;

/** Asks Podman what it is. Throws as `connectEngine` does. */
export async function openPodman(
  command: PodmanCommand,
  answerWithin: number,
  signal?: AbortSignal,
): Promise<Engine> {
  return inTime(command.name, answerWithin, signal, async (both) => {
    const { said } = await call(command, ['info', '--format', 'json'], both);
    return new PodmanEngine(command, readPodmanFacts(said, command.name));
  });
}

class PodmanEngine implements Engine {
  readonly name: string;
  readonly facts: EngineFacts;
  readonly #command: PodmanCommand;
  readonly #children = new Set<Child>();

  constructor(command: PodmanCommand, facts: EngineFacts) {
    this.name = command.name;
    this.facts = facts;
    this.#command = command;
  }

  async imageIds(signal?: AbortSignal): Promise<readonly string[]> {
    const { said } = await call(this.#command, ['images', '--all', '--quiet', '--no-trunc'], signal);
    return said.split('\n').filter((line) => line !== '');
  }

  async inspect(key: string, signal?: AbortSignal): Promise<Inspection | undefined> {
    const args = ['image', 'inspect', '--', key];
    const { ending, said, complaint } = await finished(this.#command, args, signal);
    if (ending === 0) return onlyImage(said, `${this.name}: podman image inspect ${key}`);
    // The words have changed with the versions; the status of this question has not.
    const exists = await finished(this.#command, ['image', 'exists', '--', key], signal);
    if (exists.ending === 1) return undefined;
    throw commandFailed(this.name, [...this.#command.argv, ...args], ending, complaint);
  }

  async load(archive: Readable, { image, signal, onAnswer }: LoadRequest): Promise<void> {
    const args = ['load'];
    const child = this.#start(args, signal);
    child.stdout.on('data', onAnswer);
    child.stderr.on('data', onAnswer);
    try {
      const said = Promise.all([wordsFrom(child.stdout), wordsFrom(child.stderr)]);
      // Once it has ended it takes no more: then its words count, not that the pipe broke.
      const sent = pipeline(archive, child.stdin).then(
        () => undefined,
        (fault: unknown) => fault,
      );
      const ended = endOf(child);
      const broken = await Promise.race([sent, ended.then(() => undefined)]);
      if (broken !== undefined && archive.errored) throw archive.errored;
      const ending = await ended;
      const [output, complaint] = await said;
      if (ending === podmanFailed) throw loadFailed(image, complaint === '' ? output : complaint);
      if (ending !== 0) throw this.#failed(image, args, ending, complaint);
      if (!/^Loaded image/m.test(output)) throw loadFailed(image, `${output}${complaint}`);
    } catch (fault) {
      throw fault instanceof PackferryError ? fault : notStarted(this.#command, fault);
    } finally {
      this.#end(child);
    }
  }

  async tag(id: string, name: ImageReference, signal: AbortSignal): Promise<void> {
    await call(this.#command, ['tag', '--', id, tagNameOf(name) ?? formatReference(name)], signal);
  }

  async untag(name: string, signal: AbortSignal): Promise<void> {
    await call(this.#command, ['rmi', '--', name], signal);
  }

  save(id: string, image: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return Promise.resolve(this.#save(id, image, signal));
  }

  async *#save(id: string, image: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const args = ['save', '--format', 'docker-archive', '--', id];
    const child = this.#start(args, signal);
    const ended = endOf(child);
    const complaint = wordsFrom(child.stderr);
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      const ending = await ended;
      if (ending !== 0) throw this.#failed(image, args, ending, await complaint);
    } finally {
      ended.catch(() => undefined);
      this.#end(child);
    }
  }

  async build(request: BuildRequest): Promise<string> {
    const start = (args: readonly string[]): Child => this.#start(args, request.signal);
    try {
      return await buildByCommand(start, request);
    } catch (fault) {
      request.signal.throwIfAborted();
      throw fault instanceof PackferryError ? fault : notStarted(this.#command, fault);
    }
  }

  async run({ image, command: [program = '', ...args], signal }: Trial): Promise<TrialResult> {
    const options = ['--rm', '--network=none', '--read-only', '--cap-drop=all', '--pull=never'];
    const secured = [
      ...options,
      '--security-opt=no-new-privileges',
      `--entrypoint=${JSON.stringify([program])}`,
    ];
    const { ending, said, complaint } = await finished(
      this.#command,
      ['run', ...secured, image, ...args],
      signal,
    );
    const words = engineWords(`${said}${complaint}`.trim());
    // 126 and 127: the program is not there or cannot be run.
    const isStarted = typeof ending === 'number' && (ending < podmanFailed || ending > 127);
    return { status: isStarted ? ending : undefined, words };
  }

  close(): void {
    for (const child of this.#children) stopCommand(child);
  }

  #start(args: readonly string[], signal: AbortSignal): Child {
    signal.throwIfAborted();
    const child = startCommand(this.#command, args);
    this.#children.add(child);
    signal.addEventListener('abort', () => this.#end(child), { once: true });
    return child;
  }

  #end(child: Child): void {
    stopCommand(child);
    this.#children.delete(child);
  }

  #failed(image: string, args: readonly string[], ending: Ending, complaint: string): PackferryError {
    return commandFailed(`${image}: ${this.name}`, [...this.#command.argv, ...args], ending, complaint);
  }
}

interface Finished {
  readonly ending: Ending;
  readonly said: string;
  readonly complaint: string;
}

/** Runs a command to its end. */
async function finished(
  command: EngineCommand,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Finished> {
  signal?.throwIfAborted();
  const child = startCommand(command, args);
  const stop = (): void => stopCommand(child);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    child.stdin.end();
    const what = `${command.name}: ${args[0] ?? ''}`;
    const [ending, said, complaint] = await Promise.all([
      endOf(child),
      collect(child.stdout, limits.engineAnswer, what),
      wordsFrom(child.stderr),
    ]);
    return { ending, said: said.toString('utf8'), complaint };
  } catch (fault) {
    signal?.throwIfAborted();
    throw fault instanceof PackferryError ? fault : notStarted(command, fault);
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** The same for a command that has to succeed. */
async function call(
  command: EngineCommand,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Finished> {
  const result = await finished(command, args, signal);
  if (result.ending === 0) return result;
  throw commandFailed(command.name, [...command.argv, ...args], result.ending, result.complaint);
}

function onlyImage(text: string, what: string): Inspection {
  try {
    const [first] = parseAnswer(text, z.array(inspection).length(1));
    if (first !== undefined) return withAlgorithm(first);
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw notPodman(what, why, cause);
  }
  throw notPodman(what, 'nothing is in it');
}

/** The error for an answer that cannot be one of Podman. */
function notPodman(what: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_ENGINE_PROTOCOL', `${what}: not the answer of Podman: ${engineWords(why)}`, {
    hint: 'Is the command podman really Podman? See: podman version.',
    cause,
  });
}
