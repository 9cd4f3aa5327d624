import type { Readable } from 'node:stream';
import type { ImageReference } from '../core/reference.ts';
import type { BuildRequest } from './build-image.ts';
import type { FreeIn } from './command.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Inspection } from './inspection.ts';

export interface LoadRequest {
  /** The image's reference, for messages. */
  readonly image: string;
  /** Ends the load; the engine then keeps nothing, since the archive lacks its commit record. */
  readonly signal: AbortSignal;
  /** Called with everything that the engine says. */
  readonly onAnswer: () => void;
}

/** A container that is run once and leaves nothing. */
export interface Trial {
  /** ID or name of the image. */
  readonly image: string;
  /** The program and its arguments, in place of those of the image. */
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

export interface TrialResult {
  /** Exit status of the program; undefined when the engine could not start it. */
  readonly status: number | undefined;
  /** What the program printed, or why it could not be started: the words of the engine or the image. */
  readonly words: string;
}

/**
 * What packferry needs of an engine, whichever way it is reached: by its API (`api-engine.ts`) or by its own command
 * (`command-engine.ts`). Everything above sees only this.
 *
 * Errors of all: the abort reason, `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL`.
 */
export interface Engine {
  /** The endpoint in full, for messages and reports. */
  readonly name: string;
  readonly facts: EngineFacts;
  /** Tells of disks of an engine on another machine; undefined for one here, or where nobody knows. */
  readonly freeIn?: FreeIn | undefined;
  /** The IDs of all its images, also of those without a name. */
  imageIds(signal?: AbortSignal): Promise<readonly string[]>;
  /** An image by name or ID; undefined when the engine has none. IDs have their algorithm. */
  inspect(key: string, signal?: AbortSignal): Promise<Inspection | undefined>;
  /** Those of these images that it has, by their IDs, in as few questions as it takes. */
  inspectMany(ids: readonly string[], signal?: AbortSignal): Promise<readonly Inspection[]>;
  /** Has it load an archive. Resolves when it said that it did: its word only. Also throws `E_LOAD_FAILED`. */
  load(archive: Readable, request: LoadRequest): Promise<void>;
  /** Gives an image a name, which is taken from whatever had it. */
  tag(id: string, name: ImageReference, signal: AbortSignal): Promise<void>;
  /** Takes a name away; the image goes when it was its last. */
  untag(name: string, signal: AbortSignal): Promise<void>;
  /** The bytes of a save of one image. What they throw, they throw at their end. Also throws `E_IMAGE_NOT_FOUND`. */
  save(id: string, image: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** Has it build an image that gets no name; returns its ID, perhaps only the start of it. Also throws `E_BUILD_FAILED`. */
  build(request: BuildRequest): Promise<string>;
  /** Runs a container: no network, no capabilities, read-only root, gone afterwards. */
  run(trial: Trial): Promise<TrialResult>;
  close(): void;
}
