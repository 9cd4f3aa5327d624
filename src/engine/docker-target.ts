import pLimit from 'p-limit';
import { planArchive, type ArchivePlan } from '../archive/plan.ts';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
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
import { nameOf, parseReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import { tagConflict } from '../core/tag-conflict.ts';
import { connectionBroke } from './broken-way.ts';
import { connectEngine, isRemote, type EngineConnection } from './connect-engine.ts';
import type { Engine } from './engine.ts';
import { loadImage } from './engine-load.ts';
import { conflictWith, presenceOf } from './engine-presence.ts';
import { roomOf } from './engine-room.ts';
import { compareHeld, type Comparison } from './held-image.ts';
import { HeldLayers, leaveOut, type LeftOut } from './held-layers.ts';
import { nameImage, removeName, removeNameless } from './image-names.ts';
import { inTime } from './patience.ts';
import { objectionsOf } from './preflight.ts';
import { relayImage } from './relay-image.ts';
import { sendStubs } from './send-stubs.ts';
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

/** Milliseconds that clearing away may take after a fault. */
const clearWithin = 10_000;
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

const gone: ReadonlySet<ErrorCode> = new Set(['E_ENGINE_UNREACHABLE', 'E_SSH_UNREACHABLE']);

class DockerTarget implements ImageTarget {
  readonly name: string;
  readonly tagsOnly = true;
  readonly takesSaves: boolean;
  readonly sendsAhead: boolean;
  readonly #engine: Engine;
  readonly #patience: Patience;
  readonly #staging: Staging | undefined;
  readonly #held: HeldLayers;
  readonly #isRemote: boolean;
  #room: ReturnType<typeof roomOf> | undefined;

  constructor(engine: Engine, patience: Patience, isFar: boolean, staging: Staging | undefined) {
    this.name = engine.name;
    this.#isRemote = isFar;
    this.#patience = patience;
    this.#staging = staging;
    this.#engine = engine;
    this.#held = new HeldLayers(engine.facts);
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
      return await this.#bring(image, without, source, { ...options, onto });
    } catch (fault) {
      throw await this.#cleared(image, fault);
    }
  }

  wayBroke(error: PackferryError): boolean {
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

  async #bring(
    image: LockedImage,
    without: ReadonlySet<Digest>,
    source: ImageSource,
    options: DeliverOptions,
  ): Promise<Delivery> {
    if (image.isUnpacked === true) {
      const whyNot = (send: () => Promise<void>): Promise<string | undefined> =>
        this.#whyNot(image, send, options.signal);
      const { loadIdle } = this.#patience;
      return relayImage(this.#engine, image, source, { ...options, held: without, loadIdle, whyNot });
    }
    const bytes = totalSize(blobsOf(image));
    const thin = without.size === 0 ? undefined : await this.#sendThin(image, without, source, options);
    if (thin !== undefined && thin.sentInFull === undefined) {
      const saved = totalSize(blobsOf(image).filter(({ digest }) => without.has(digest)));
      return { bytesSent: bytes - saved, bytesSkipped: saved, ...thin };
    }
    const plan = planArchive([this.#asSent(image)], { commitRecord: 'last' });
    // What the engine has by the name of the content it takes for good, without looking at the layer that comes.
    const sending = this.#send(image, plan, source, { ...options, onto: undefined, unread: without });
    await sending.catch(this.#blaming(thin?.sentInFull));
    const fault = this.#namesLast ? await this.#nameSent(image, options.signal) : undefined;
    if (fault !== undefined) {
      const what = `${image.reference}: ${this.name} said that it loaded it, but ${fault}`;
      throw new PackferryError('E_LOAD_FAILED', what, {
        hint: 'Nothing stands under its name. Look into the log of the engine, then run again.',
      });
    }
    return { bytesSent: bytes, bytesSkipped: 0, ...thin };
  }

  /** Where nobody else has the layers that the engine has, people need to know why those did not do. */
  #blaming(why: string | undefined): (fault: unknown) => never {
    return (fault) => {
      const isBlamed =
        why !== undefined && fault instanceof PackferryError && fault.code === 'E_BASE_MISSING';
      throw isBlamed ? fault.with(`${fault.message}; ${this.name}: ${why}`) : fault;
    };
  }

  /** What there is to say of it: `sentInFull` when the engine could not use it. */
  async #sendThin(
    image: LockedImage,
    without: ReadonlySet<Digest>,
    source: ImageSource,
    options: DeliverOptions,
  ): Promise<Pick<Delivery, 'sentInFull' | 'sentPacked'>> {
    const { signal } = options;
    const unpack = !this.#isRemote && this.#staging === undefined;
    const send = (plan: ArchivePlan): Promise<void> => this.#send(image, plan, source, options);
    let sentPacked: string | undefined;
    const sentInFull = await this.#whyNot(
      image,
      async () => {
        if (this.#engine.facts.product === 'podman')
          sentPacked = await sendStubs(image, source, { without, unpack, signal, send });
        else await send(planArchive([this.#asSent(image)], { commitRecord: 'last', without }));
      },
      signal,
    );
    return {
      ...(sentInFull === undefined ? {} : { sentInFull }),
      ...(sentPacked === undefined ? {} : { sentPacked }),
    };
  }

  /** Sends some of an image. Undefined when the engine now has exactly this image; else why it does not. Other faults are thrown. */
  async #whyNot(
    image: LockedImage,
    send: () => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    try {
      await send();
      if (this.#namesLast) return await this.#nameSent(image, signal);
      const answer = await this.confirm(image, signal);
      return answer.confirmed ? undefined : answer.reason;
    } catch (fault) {
      const isRefusal = fault instanceof PackferryError && fault.code === 'E_LOAD_FAILED';
      if (isRefusal && !this.wayBroke(fault)) return fault.message;
      throw fault;
    }
  }

  /**
   * Docker's containerd store names an image before it unpacks it, and keeps the name where that fails or the connection
   * ends. So there images are loaded without a name, looked at, and named last: a name has its whole image, or is none.
   */
  get #namesLast(): boolean {
    return this.#engine.facts.idOf === 'manifest';
  }

  #asSent(image: LockedImage): LockedImage {
    if (!this.#namesLast) return image;
    const reference = `${nameOf(parseReference(image.reference))}@${image.manifest.digest}`;
    return { ...image, reference };
  }

  /** Names what was loaded without a name, once it is whole. Returns what is wrong with it. */
  async #nameSent(image: LockedImage, signal: AbortSignal | undefined): Promise<string | undefined> {
    const held = await this.#compare(this.#asSent(image), signal);
    if (held.state === 'faulty') return held.reason;
    if (held.state !== 'same') return 'the engine has no such image';
    const reference = parseReference(image.reference);
    if (tagNameOf(reference) !== undefined) {
      await inTime(this.name, this.#patience.inspectWithin, signal, (both) =>
        nameImage(this.#engine, held.id, reference, both),
      );
    }
    return undefined;
  }

  /**
   * Layers that the engine would not read are compared with their diff IDs on the way: those in `unread`, and all of them
   * for Podman. Podman 4 takes whatever content for a layer, and names the one that the config promises.
   */
  #send(
    image: LockedImage,
    plan: ArchivePlan,
    source: ImageSource,
    { unread, ...options }: DeliverOptions & { readonly unread?: ReadonlySet<Digest> },
  ): Promise<void> {
    const isPodman = this.#engine.facts.product === 'podman';
    const layers = image.layers.filter(({ digest }) => isPodman || unread?.has(digest) === true);
    const promised = new Map<Digest, Digest[]>();
    for (const { digest, diffId } of layers) promised.set(digest, [...(promised.get(digest) ?? []), diffId]);
    const { loadIdle } = this.#patience;
    const load = this.#staging?.load ?? loadImage;
    return load(this.#engine, image, plan, source, { ...options, loadIdle, promised });
  }

  /** After a fault: takes what was loaded without a name and is not whole away. Returns what is to be thrown. */
  async #cleared(image: LockedImage, fault: unknown): Promise<unknown> {
    if (!this.#namesLast) return fault;
    // Also after an interrupt, when nobody waits for long.
    const soon = AbortSignal.timeout(clearWithin);
    try {
      const left = await this.#compare(this.#asSent(image), soon);
      if (left.state === 'faulty') await removeNameless(this.#engine, image.manifest.digest, soon);
      return fault;
    } catch (second) {
      const error = asPackferryError(fault);
      // An engine that is gone was the fault, or has been heard of by now.
      if (gone.has(asPackferryError(second).code)) return fault;
      return error.with(`${error.message}; what is left of it could not be taken away: ${messageOf(second)}`);
    }
  }

  #compare(image: LockedImage, signal: AbortSignal | undefined): Promise<Comparison> {
    const what = `${image.reference}: ${this.name}`;
    return inTime(what, this.#patience.inspectWithin, signal, (both) =>
      compareHeld(this.#engine, image, both),
    );
  }
}
