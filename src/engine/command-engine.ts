import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { formatReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import { wordsFrom, type Ending, type RunningCommand } from '../core/running-command.ts';
import { call, finished } from './call-command.ts';
import {
  commandFailed,
  notStarted,
  placeOf,
  startCommand,
  type EngineCommand,
  type FreeIn,
} from './command.ts';
import { dialects, type Dialect } from './command-dialects.ts';
import { buildByCommand } from './build-by-command.ts';
import type { BuildRequest } from './build-image.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine, LoadRequest, Trial, TrialResult } from './engine.ts';
import { engineWords } from './engine-words.ts';
import { inspection, withAlgorithm, type Inspection } from './inspection.ts';
import { loadFailed } from './load-answer.ts';
import { parseAnswer } from './parse-answer.ts';
import { inTime } from './patience.ts';

/** An engine without its API, by its own command. */
export interface CommandConnection extends EngineCommand {
  readonly kind: 'command';
  readonly product: 'docker' | 'podman';
}

/** Docker and Podman end with this, or the two above it, when they, and not a container, have failed (podman-run(1), "Exit Status"). */
const cannotRun = 125;

/** Images that one call asks for. */
const inspectedAtOnce = 100;

/** Asks the engine what it is. Throws as `connectEngine` does. */
export async function openByCommand(
  command: CommandConnection,
  answerWithin: number,
  signal?: AbortSignal,
): Promise<Engine> {
  const dialect = dialects[command.product];
  return inTime(command.name, answerWithin, signal, async (both) => {
    const ask = async (args: readonly string[]): Promise<string> => (await call(command, args, both)).said;
    return new CommandEngine(command, dialect, await dialect.facts(ask, command.name));
  });
}

class CommandEngine implements Engine {
  readonly name: string;
  readonly facts: EngineFacts;
  readonly #command: CommandConnection;
  readonly #dialect: Dialect;
  readonly #running = new Set<RunningCommand>();

  constructor(command: CommandConnection, dialect: Dialect, facts: EngineFacts) {
    this.name = command.name;
    this.facts = facts;
    this.#command = command;
    this.#dialect = dialect;
  }

  async imageIds(signal?: AbortSignal): Promise<readonly string[]> {
    const { said } = await call(this.#command, ['images', '--all', '--quiet', '--no-trunc'], signal);
    return said.split('\n').filter((line) => line !== '');
  }

  async inspect(key: string, signal?: AbortSignal): Promise<Inspection | undefined> {
    const args = ['image', 'inspect', '--', key];
    const { ending, said, complaint } = await finished(this.#command, args, signal);
    if (ending === 0) {
      const [first] = this.#images(said, `image inspect ${key}`, 1);
      return first;
    }
    const isAbsent = await this.#dialect.isAbsent(complaint, async () => {
      return (await finished(this.#command, ['image', 'exists', '--', key], signal)).ending;
    });
    if (isAbsent) return undefined;
    throw commandFailed(
      this.name,
      [...this.#command.argv, ...args],
      ending,
      complaint,
      placeOf(this.#command),
    );
  }

  async inspectMany(ids: readonly string[], signal?: AbortSignal): Promise<readonly Inspection[]> {
    const found: Inspection[] = [];
    for (let at = 0; at < ids.length; at += inspectedAtOnce) {
      const some = ids.slice(at, at + inspectedAtOnce);
      const { ending, said } = await finished(this.#command, ['image', 'inspect', '--', ...some], signal);
      if (ending === 0) found.push(...this.#images(said, 'image inspect', some.length));
      // One that went meanwhile makes all of it fail.
      else
        for (const id of some)
          found.push(...[await this.inspect(id, signal)].filter((one) => one !== undefined));
    }
    return found;
  }

  async load(archive: Readable, { image, signal, onAnswer }: LoadRequest): Promise<void> {
    const args = ['load'];
    const child = await this.#start(args, signal);
    child.stdout.on('data', onAnswer);
    child.stderr.on('data', onAnswer);
    try {
      const said = Promise.all([child.stdout, child.stderr].map((one) => wordsFrom(one, limits.errorBody)));
      // Once it has ended it takes no more: then its words count, not that the pipe broke.
      const sent = pipeline(archive, child.stdin).then(
        () => undefined,
        (fault: unknown) => fault,
      );
      const broken = await Promise.race([sent, child.ended.then(() => undefined)]);
      if (broken !== undefined && archive.errored) throw archive.errored;
      const ending = await child.ended;
      const [output = '', complaint = ''] = await said;
      if (ending === this.#dialect.failed) throw this.#notLoaded(image, args, ending, output, complaint);
      if (ending !== 0) throw this.#failed(image, args, ending, complaint);
      // Docker ends with 0 after its containerd store could not unpack an image.
      const isLoaded = /^Loaded image/m.test(output) && !/^\s*Error unpacking/im.test(output);
      if (!isLoaded) throw loadFailed(image, `${output}${complaint}`);
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
    const args = [...this.#dialect.save, '--', id];
    const child = await this.#start(args, signal);
    const complaint = wordsFrom(child.stderr, limits.errorBody);
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      const ending = await child.ended;
      if (ending !== 0) throw this.#failed(image, args, ending, await complaint);
    } finally {
      this.#end(child);
    }
  }

  async build(request: BuildRequest): Promise<string> {
    if (this.facts.product === 'docker') {
      const why = 'an image is built by the API of Docker, which is not reached here';
      throw new PackferryError('E_ENGINE_UNREACHABLE', `${this.name}: ${why}`, {
        hint: 'Let sshd forward its socket (AllowStreamLocalForwarding yes), or have a docker command there that knows "system dial-stdio".',
      });
    }
    try {
      return await buildByCommand((args) => this.#start(args, request.signal), request);
    } catch (fault) {
      request.signal.throwIfAborted();
      throw fault instanceof PackferryError ? fault : notStarted(this.#command, fault);
    }
  }

  async run({ image, command: [program = '', ...args], signal }: Trial): Promise<TrialResult> {
    const options = ['--rm', '--network=none', '--read-only', '--cap-drop=all', '--pull=never'];
    const entrypoint = `--entrypoint=${this.#dialect.entrypoint(program)}`;
    const secured = [...options, '--security-opt=no-new-privileges', entrypoint];
    const { ending, said, complaint } = await finished(
      this.#command,
      ['run', ...secured, image, ...args],
      signal,
    );
    const words = engineWords(`${said}${complaint}`.trim());
    // 126 and 127: the program is not there or cannot be run.
    const isStarted = typeof ending === 'number' && (ending < cannotRun || ending > 127);
    return { status: isStarted ? ending : undefined, words };
  }

  get freeIn(): FreeIn | undefined {
    return this.#command.freeIn;
  }

  close(): void {
    for (const child of this.#running) child.stop();
    this.#command.close?.();
  }

  async #start(args: readonly string[], signal: AbortSignal): Promise<RunningCommand> {
    signal.throwIfAborted();
    const child = await startCommand(this.#command, args);
    this.#running.add(child);
    const stop = (): void => this.#end(child);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return child;
  }

  #end(child: RunningCommand): void {
    child.stop();
    this.#running.delete(child);
  }

  /** Reads what `image inspect` printed: so many images. */
  #images(text: string, asked: string, count: number): Inspection[] {
    const { product } = this.facts;
    const what = `${this.name}: ${product} ${asked}`;
    try {
      return parseAnswer(text, z.array(inspection).length(count)).map(withAlgorithm);
    } catch (cause) {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
      throw this.#dialect.notTheEngine(what, why, cause);
    }
  }

  /** The engine has refused an image; but also that it may not be used, or is gone, it tells in this way. */
  #notLoaded(
    image: string,
    args: readonly string[],
    ending: Ending,
    output: string,
    complaint: string,
  ): PackferryError {
    const fault = this.#failed(image, args, ending, complaint);
    const isRefusal = fault.code === 'E_ENGINE_PROTOCOL' || this.facts.product === 'podman';
    return isRefusal ? loadFailed(image, complaint === '' ? output : complaint) : fault;
  }

  #failed(image: string, args: readonly string[], ending: Ending, complaint: string): PackferryError {
    const argv = [...this.#command.argv, ...args];
    return commandFailed(`${image}: ${this.name}`, argv, ending, complaint, placeOf(this.#command));
  }
}
