import { planArchive, type ArchivePlan } from '../archive/plan.ts';
import { planStubArchive } from '../archive/stub-archive.ts';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { blobsOf, totalSize, type LockedImage } from '../core/image.ts';
import type { Confirmation, DeliverOptions, Delivery, ImageSource } from '../core/ports.ts';
import { nameOf, parseReference, tagNameOf } from '../core/reference.ts';
import { connectionBroke } from './broken-way.ts';
import type { Engine } from './engine.ts';
import { loadImage } from './engine-load.ts';
import { isSoonerPlain } from './engine-room.ts';
import type { Comparison } from './held-image.ts';
import { nameImage, removeNameless } from './image-names.ts';
import { inTime } from './patience.ts';
import { relayImage } from './relay-image.ts';
import { sendPlain, type PlainSizes } from './send-plain.ts';
import type { Staging } from './staging.ts';

/** Milliseconds that clearing away may take after a fault. */
const clearWithin = 10_000;

/** Decompressed bytes of an image; with fewer than this the engine is done so soon that the traffic may stay small. */
const leastPlain = 32 * 1024 * 1024;

const gone: ReadonlySet<ErrorCode> = new Set(['E_ENGINE_UNREACHABLE', 'E_SSH_UNREACHABLE']);

export interface SendingOptions {
  readonly engine: Engine;
  /** Is it on another machine? */
  readonly isRemote: boolean;
  readonly staging: Staging | undefined;
  /** Milliseconds; see `DockerTargetOptions`. */
  readonly patience: { readonly inspectWithin: number; readonly loadIdle: number };
  /** What stands under the name of an image. */
  readonly compare: (image: LockedImage, signal: AbortSignal | undefined) => Promise<Comparison>;
  /** Is exactly this image there now? */
  readonly confirm: (image: LockedImage, signal: AbortSignal | undefined) => Promise<Confirmation>;
}

/** How images are brought to one engine: thin where that does, else in full, and named last where names come too early. */
export class ImageSending {
  readonly #engine: Engine;
  readonly #isRemote: boolean;
  readonly #staging: Staging | undefined;
  readonly #patience: SendingOptions['patience'];
  readonly #compare: SendingOptions['compare'];
  readonly #confirm: SendingOptions['confirm'];

  constructor({ engine, isRemote, staging, patience, compare, confirm }: SendingOptions) {
    this.#engine = engine;
    this.#isRemote = isRemote;
    this.#staging = staging;
    this.#patience = patience;
    this.#compare = compare;
    this.#confirm = confirm;
  }

  /** Sends what is missing of an image, all of it where that does not do. Throws what sending throws. */
  async bring(
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
    const sending = this.#sendPlain('full', image, without, source, { ...options, onto: undefined });
    const sentPacked = await sending.catch(this.#blaming(thin?.sentInFull));
    const fault = this.#namesLast ? await this.#nameSent(image, options.signal) : undefined;
    if (fault !== undefined) {
      const what = `${image.reference}: ${this.#engine.name} said that it loaded it, but ${fault}`;
      throw new PackferryError('E_LOAD_FAILED', what, {
        hint: 'Nothing stands under its name. Look into the log of the engine, then run again.',
      });
    }
    const packed = sentPacked === undefined ? {} : { sentPacked };
    return { bytesSent: bytes, bytesSkipped: 0, ...thin, ...packed };
  }

  /** Where nobody else has the layers that the engine has, people need to know why those did not do. */
  #blaming(why: string | undefined): (fault: unknown) => never {
    return (fault) => {
      const isBlamed =
        why !== undefined && fault instanceof PackferryError && fault.code === 'E_BASE_MISSING';
      throw isBlamed ? fault.with(`${fault.message}; ${this.#engine.name}: ${why}`) : fault;
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
    let sentPacked: string | undefined;
    const sentInFull = await this.#whyNot(
      image,
      async () => {
        sentPacked = await this.#sendPlain('thin', image, without, source, options);
      },
      signal,
    );
    return {
      ...(sentInFull === undefined ? {} : { sentInFull }),
      ...(sentPacked === undefined ? {} : { sentPacked }),
    };
  }

  /**
   * Sends what the engine has not, or all of an image; layers that it reads are decompressed where that is worth it. Resolves
   * with the reason where they had to be sent as they are after all.
   */
  #sendPlain(
    how: 'thin' | 'full',
    image: LockedImage,
    without: ReadonlySet<Digest>,
    source: ImageSource,
    options: DeliverOptions,
  ): Promise<string | undefined> {
    const { facts } = this.#engine;
    const left: ReadonlySet<Digest> = how === 'thin' ? without : new Set();
    const plan = (plainSizes: PlainSizes): ArchivePlan =>
      facts.product === 'podman' && left.size + plainSizes.size > 0
        ? planStubArchive(image, left, plainSizes)
        : planArchive([this.#asSent(image)], { commitRecord: 'last', plainSizes, without: left });
    // What the engine has by the name of the content it takes for good, without looking at the layer that comes.
    const unread = how === 'thin' ? {} : { unread: without };
    const send = (planned: ArchivePlan): Promise<void> =>
      this.#send(image, planned, source, { ...options, ...unread });
    const isFar = this.#isRemote || this.#staging !== undefined;
    const plainFrom = isFar || !isSoonerPlain(facts) ? Infinity : leastPlain;
    return sendPlain(image, source, { without, plainFrom, signal: options.signal, plan, send });
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
      const answer = await this.#confirm(image, signal);
      return answer.confirmed ? undefined : answer.reason;
    } catch (fault) {
      const isRefusal = fault instanceof PackferryError && fault.code === 'E_LOAD_FAILED';
      if (isRefusal && !(this.#isRemote && connectionBroke(fault))) return fault.message;
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
      await inTime(this.#engine.name, this.#patience.inspectWithin, signal, (both) =>
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
  async cleared(image: LockedImage, fault: unknown): Promise<unknown> {
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
}
