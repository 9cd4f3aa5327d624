import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { nameOf, type ImageReference } from '../core/reference.ts';
import { runTrial } from './api-trial.ts';
import { buildByApi } from './build-by-api.ts';
import type { BuildRequest } from './build-image.ts';
import type { FreeIn } from './command.ts';
import type { DockerApi } from './docker-api.ts';
import { askDocker, tellDocker, wordsOf } from './docker-ask.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine, LoadRequest, Trial, TrialResult } from './engine.ts';
import { denied, engineFault } from './engine-fault.ts';
import { inspection, withAlgorithm, type Inspection } from './inspection.ts';
import { loadFailed, readLoadAnswer } from './load-answer.ts';

/** Questions at a time. */
const inspections = 8;

const listAnswer = z.array(z.object({ Id: z.string() }));

/** An engine by Docker's API, which Podman speaks too. */
export class ApiEngine implements Engine {
  readonly name: string;
  readonly facts: EngineFacts;
  readonly #api: DockerApi;

  readonly freeIn: FreeIn | undefined;

  constructor(api: DockerApi, facts: EngineFacts, freeIn?: FreeIn) {
    this.freeIn = freeIn;
    this.name = api.name;
    this.facts = facts;
    this.#api = api;
  }

  async imageIds(signal?: AbortSignal): Promise<readonly string[]> {
    const request = { path: '/images/json', query: { all: '1' }, ...aborting(signal) };
    const list = await askDocker(this.#api, request, listAnswer);
    return (list ?? []).map(({ Id }) => Id);
  }

  async inspect(key: string, signal?: AbortSignal): Promise<Inspection | undefined> {
    const members = this.facts.idOf === 'manifest' ? { query: { manifests: '1' } } : {};
    const request = { path: `/images/${key}/json`, ...members, ...aborting(signal) };
    const held = await askDocker(this.#api, request, inspection);
    return held === undefined ? undefined : withAlgorithm(held);
  }

  async inspectMany(ids: readonly string[], signal?: AbortSignal): Promise<readonly Inspection[]> {
    const limit = pLimit(inspections);
    try {
      const asking = ids.map((id) => limit(() => this.inspect(id, signal)));
      // An image may be removed between the list and the question.
      return (await Promise.all(asking)).filter((found) => found !== undefined);
    } finally {
      // After a fault nobody waits for the rest.
      limit.clearQueue();
    }
  }

  async load(archive: Readable, { image, signal, onAnswer }: LoadRequest): Promise<void> {
    try {
      // quiet=0: the answer then has lines from the start of unpacking on, and not only at its end.
      const request = { method: 'POST', path: '/images/load', query: { quiet: '0' } } as const;
      const answer = await this.#api.send({ ...request, body: archive, signal });
      onAnswer();
      if (answer.statusCode === 200) await readLoadAnswer(answer, image, onAnswer);
      else throw await loadRefusal(answer, image);
    } catch (fault) {
      const what = `${image}: ${this.name}`;
      throw brokenOff(fault, what) ?? engineFault(fault, what);
    }
  }

  async tag(id: string, name: ImageReference, signal: AbortSignal): Promise<void> {
    const { tag = '' } = name;
    const path = `/images/${encodeURIComponent(id)}/tag`;
    await tellDocker(this.#api, { method: 'POST', path, query: { repo: nameOf(name), tag }, signal });
  }

  async untag(name: string, signal: AbortSignal): Promise<void> {
    await tellDocker(this.#api, { method: 'DELETE', path: `/images/${name}`, signal });
  }

  async save(id: string, image: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const answer = await this.#api.send({ method: 'GET', path: `/images/${id}/get`, signal });
    const name = `${image}: ${this.name}`;
    if (answer.statusCode !== 200) throw await saveRefusal(answer, name);
    return answer as AsyncIterable<Buffer>;
  }

  build(request: BuildRequest): Promise<string> {
    return buildByApi(this.#api, request);
  }

  run(trial: Trial): Promise<TrialResult> {
    return runTrial(this.#api, trial);
  }

  close(): void {
    this.#api.close();
  }
}

function aborting(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function loadRefusal(answer: IncomingMessage, image: string): Promise<PackferryError> {
  const words = wordsOf(await collect(answer, limits.errorBody, `${image}: the engine's answer`));
  const { statusCode } = answer;
  if (statusCode === 401 || statusCode === 403) return denied(image, `the engine said: ${words}`);
  return loadFailed(image, words);
}

async function saveRefusal(answer: IncomingMessage, name: string): Promise<PackferryError> {
  const words = wordsOf(await collect(answer, limits.errorBody, `${name}: the engine's answer`));
  const { statusCode = 0 } = answer;
  if (statusCode === 401 || statusCode === 403) return denied(name, `the engine said: ${words}`);
  if (statusCode === 404) {
    return new PackferryError('E_IMAGE_NOT_FOUND', `${name}: the image is gone; the engine said: ${words}`, {
      hint: 'It was removed meanwhile. Bring it there again, or take it from elsewhere.',
    });
  }
  return new PackferryError('E_ENGINE_PROTOCOL', `${name}: not saved; the engine said: ${words}`, {
    hint: 'Look into the log of the engine: a save needs space for the whole image in its folder for temporary files.',
  });
}

/** A load during which the connection was closed; undefined for other faults. */
function brokenOff(fault: unknown, what: string): PackferryError | undefined {
  const code = systemCodeOf(fault);
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return undefined;
  return new PackferryError(
    'E_LOAD_FAILED',
    `${what}: the engine broke off the connection: ${messageOf(fault)}`,
    {
      hint: "Look into the engine's log (was it stopped, is its disk full?), then run again.",
      cause: fault,
    },
  );
}
