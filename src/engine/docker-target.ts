import pLimit from 'p-limit';
import type { Digest } from '../core/digest.ts';
import type { PackferryError } from '../core/errors.ts';
import { blobsOf, totalSize, type LockedImage } from '../core/image.ts';
import type {
  Confirmation,
  DeliverOptions,
  Delivery,
  ImageSource,
  ImageTarget,
  Objection,
  Presence,
  SmokeAnswer,
} from '../core/ports.ts';
import { parseReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import { connectionBroke } from './broken-way.ts';
import { connectEngine, isRemote, type EngineConnection } from './connect-engine.ts';
import type { Engine } from './engine.ts';
import { conflictWith, presenceOf } from './engine-presence.ts';
import { roomOf } from './engine-room.ts';
import { compareHeld, type Comparison } from './held-image.ts';
import { HeldLayers, leaveOut, type LeftOut } from './held-layers.ts';
import { nameImage, removeName } from './image-names.ts';
import { ImageSending } from './image-sending.ts';
import { inTime } from './patience.ts';
import { objectionsOf } from './preflight.ts';
import { smokeImage } from './smoke.ts';
import type { Staging } from './staging.ts';

export interface DockerTargetOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds that the engine may take to say what it is. Default: 30 seconds. */
  readonly answerWithin?: number;
  /** Milliseconds that the engine may take to tell about an image. Default: 60 seconds. */
  readonly inspectWithin?: number;
  /** Milliseconds that a load may stand still, with no byte taken and no line of the answer. Default: 10 minutes. */
  readonly loadIdle?: number;
  /** Milliseconds that an image may take to show that it starts. Default: 3 minutes. */
  readonly smokeWithin?: number;
  /** Brings archives to the engine in another way than in one stream. */
  readonly staging?: Staging;
}

type Patience = Required<Pick<DockerTargetOptions, 'inspectWithin' | 'loadIdle' | 'smokeWithin'>>;

/** Inspections that are asked for at the same time. */
const inspections = 8;

/**
 * A Docker engine (or a Podman behind Docker's API) as target. Throws `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`,
 * `E_ENGINE_PROTOCOL`.
 */
export async function openDockerTarget(
  connection: EngineConnection,
  options: DockerTargetOptions = {},
): Promise<ImageTarget> {
  const { answerWithin = 30_000, inspectWithin = 60_000, loadIdle = 600_000 } = options;
  const { smokeWithin = 180_000, signal } = options;
  const engine = await connectEngine(connection, answerWithin, signal);
  const { staging } = options;
  const patience = { inspectWithin, loadIdle, smokeWithin };
  return new DockerTarget(staging?.over(engine) ?? engine, patience, isRemote(connection), staging);
}

class DockerTarget implements ImageTarget {
  readonly name: string;
  readonly tagsOnly = true;
  readonly takesSaves: boolean;
  readonly sendsAhead: boolean;
  readonly #engine: Engine;
  readonly #patience: Patience;
  readonly #staging: Staging | undefined;
  readonly #held: HeldLayers;
  readonly #sending: ImageSending;
  readonly #isRemote: boolean;
  #room: ReturnType<typeof roomOf> | undefined;

  constructor(engine: Engine, patience: Patience, isFar: boolean, staging: Staging | undefined) {
    this.name = engine.name;
    this.#isRemote = isFar;
    this.#patience = patience;
    this.#staging = staging;
    this.#engine = engine;
    this.#held = new HeldLayers(engine.facts);
    this.#sending = new ImageSending({
      ...{ engine, isRemote: isFar, staging, patience },
      compare: (image, signal) => this.#compare(image, signal),
      confirm: (image, signal) => this.confirm(image, signal),
    });
    // The containerd store calls images by manifests, which nobody knows of such an image.
    this.takesSaves = engine.facts.idOf === 'config' && staging === undefined;
    // Nearby, sending is soon done; what is staged is loaded by a command there, in one go.
    this.sendsAhead = isFar && staging === undefined;
  }

  async survey(images: readonly LockedImage[], signal?: AbortSignal): Promise<readonly Presence[]> {
    const limit = pLimit(inspections);
    // What will be asked for later is asked for now, where each question takes a round trip.
    const listed = this.#isRemote ? this.#engine.imageIds(signal) : undefined;
    const room = this.#isRemote ? roomOf(this.#engine) : undefined;
    for (const asked of [listed, room]) asked?.catch(() => undefined);
    this.#room = room;
    try {
      const compare = (image: LockedImage): Promise<Comparison> => this.#compare(image, signal);
      const found = await Promise.all(images.map((image) => limit(compare, image)));
      // Where nothing is missing nobody needs to know of layers.
      if (found.some(({ state }) => state === 'absent' || state === 'other'))
        await this.#held.learn(this.#engine, images, signal, listed);
      return images.map((image, at) => presenceOf(image, found[at] ?? { state: 'absent' }, this.#held));
    } finally {
      // After a fault nobody waits for the rest.
      limit.clearQueue();
    }
  }

  /**
   * Sends the layers that the engine lacks, as far as the survey and earlier deliveries tell. Where that does not end in
   * exactly this image, for instance since a base was removed meanwhile, all of it is sent.
   */
  deliver(image: LockedImage, source: ImageSource, options: DeliverOptions = {}): Promise<Delivery> {
    const deliver = (): Promise<Delivery> => this.#deliver(image, source, options);
    return this.#staging === undefined ? deliver() : this.#staging.alone(image, options.signal, deliver);
  }

  async #deliver(image: LockedImage, source: ImageSource, options: DeliverOptions): Promise<Delivery> {
    const bytes = totalSize(blobsOf(image));
    // Asked again here: between the survey and now a name may have been given to another image.
    const held = await this.#compare(image, options.signal);
    if (held.state === 'same') return { bytesSent: 0, bytesSkipped: bytes };
    if (held.state === 'other' && held.id !== options.replaces) {
      throw tagConflict(this.name, image.reference, conflictWith(image, held.id, this.#held));
    }
    // An image that is there but faulty shows that the engine lacks what it says it has.
    const { without, onto }: LeftOut =
      held.state === 'faulty' ? { without: new Set() } : leaveOut(this.#held, image, options.onto);
    try {
      return await this.#sending.bring(image, without, source, { ...options, onto });
    } catch (fault) {
      throw await this.#sending.cleared(image, fault);
    }
  }

  wayBroke(error: PackferryError): boolean {
    // Where images are staged the connection was made anew by then as often as makes sense.
    if (this.#staging !== undefined && error.code === 'E_SSH_UNREACHABLE') return false;
    return this.#isRemote && connectionBroke(error);
  }

  preflight(images: readonly LockedImage[]): Promise<readonly Objection[]> {
    return objectionsOf(this.#engine, images, (image) => this.#held.heldOf(image), this.#room);
  }

  async confirm(image: LockedImage, signal?: AbortSignal): Promise<Confirmation> {
    const held = await this.#compare(image, signal);
    switch (held.state) {
      case 'same':
        this.#held.add(image);
        return { confirmed: true, id: held.id };
      case 'absent':
        return { confirmed: false, reason: 'the engine has no such image' };
      case 'faulty':
        return { confirmed: false, reason: held.reason };
      case 'other':
        return { confirmed: false, reason: `the name stands for another image, ${held.id}` };
    }
  }

  smoke(image: LockedImage, id: Digest, signal: AbortSignal): Promise<SmokeAnswer> {
    const what = `${image.reference}: ${this.name}: running it`;
    return inTime(what, this.#patience.smokeWithin, signal, (both) => smokeImage(this.#engine, id, both));
  }

  setAside(holder: string, name: ImageReference, signal?: AbortSignal): Promise<void> {
    return inTime(this.name, this.#patience.inspectWithin, signal, (both) =>
      nameImage(this.#engine, holder, name, both),
    );
  }

  async withdraw(image: LockedImage, before: string | undefined): Promise<void> {
    const reference = parseReference(image.reference);
    const name = tagNameOf(reference);
    if (name === undefined) return;
    await inTime(this.name, this.#patience.inspectWithin, undefined, async (signal) => {
      if (before !== undefined) await nameImage(this.#engine, before, reference, signal);
      else await removeName(this.#engine, name, signal);
    });
  }

  async close(): Promise<void> {
    await this.#staging?.close();
    this.#engine.close();
  }

  #compare(image: LockedImage, signal: AbortSignal | undefined): Promise<Comparison> {
    const what = `${image.reference}: ${this.name}`;
    return inTime(what, this.#patience.inspectWithin, signal, (both) =>
      compareHeld(this.#engine, image, both),
    );
  }
}
