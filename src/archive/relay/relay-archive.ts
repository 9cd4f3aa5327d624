import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { addAbortSignal, PassThrough, type Readable, type Writable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { collect } from '../../core/collect.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { LockedImage } from '../../core/image.ts';
import type { SendingPace } from '../../core/ports.ts';
import { limits } from '../../core/limits.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { parseConfig } from '../oci-documents.ts';
import { blobPath, engineNameOf } from '../save-documents.ts';
import { readMembers } from '../save/read-save.ts';
import { incomplete } from '../save/saved-image.ts';
import { shownName } from '../tar/archive-fault.ts';
import type { TarMember } from '../tar/read-tar.ts';
import { endOfArchive, headerBlock, paddingOf } from '../tar-frame.ts';
import { legacyIdsOf } from './legacy-ids.ts';

/** Bytes of layers so far: those that were sent on, and those that were only read. */
export interface Relayed {
  readonly sent: number;
  readonly skipped: number;
}

export interface RelayOptions {
  /** Opens the save of the image. The signal fires when it is no longer wanted. */
  readonly openSave: (signal: AbortSignal) => AsyncIterable<Buffer>;
  /** Image and engine, for messages. */
  readonly name: string;
  /** Diff IDs of layers that the receiver has: they are read and hashed, and not sent. */
  readonly without: ReadonlySet<Digest>;
  /** What stands for them: a file without content, as Podman wants it, or nothing. */
  readonly heldAs: 'empty file' | 'nothing';
  /** How fast it may be sent; what is only read does not count. */
  readonly pace?: SendingPace | undefined;
  readonly signal?: AbortSignal;
  /** Called for every piece that was read. */
  readonly onRelayed?: (relayed: Relayed) => void;
}

/**
 * The save of an engine as an archive for another engine, while it is read: nothing of it is kept but the config. What the
 * save says of itself is not used. The image ID is the digest of the config, the config lists the layers by their
 * digests, and each layer is hashed on its way; so the members may come in any order, and what belongs to no layer is
 * passed over. Config and `manifest.json`, the commit record, are sent last, once all has matched: at any fault the
 * stream is destroyed before. Layers are called by the order in which they come.
 *
 * Errors: those of `openSave`; `E_ARCHIVE_MALFORMED`, `E_DIGEST_MISMATCH`, `E_IMAGE_INCOMPLETE`, `E_IMAGE_MALFORMED`,
 * `E_LIMIT_EXCEEDED`, `E_SOURCE_PROTOCOL`. Memory: 1 MiB and the config.
 */
export function relayArchive(image: LockedImage, options: RelayOptions): Readable {
  const out = new PassThrough({ highWaterMark: 1024 * 1024 });
  const stop = new AbortController();
  out.once('close', () => stop.abort());
  if (options.signal !== undefined) addAbortSignal(options.signal, out);
  new Relay(image, options, out, stop.signal).run().then(
    () => out.end(),
    (fault: unknown) => out.destroy(fault instanceof Error ? fault : new Error(String(fault))),
  );
  return out;
}

/** A layer in saves of Docker before 25; by its name alone nobody knows which. */
const legacyLayer = /^[0-9a-f]{64}\/layer\.tar$/;

class Relay {
  readonly #image: LockedImage;
  readonly #options: RelayOptions;
  readonly #out: Writable;
  readonly #stop: AbortSignal;
  readonly #diffIds: ReadonlySet<Digest>;
  /** The layers that members are, as far as their names tell. */
  readonly #promised: ReadonlyMap<string, Digest>;
  /** What the layers are called that have come. */
  readonly #come = new Map<Digest, string>();
  #config: Buffer | undefined;
  #sent = 0;
  #skipped = 0;

  constructor(image: LockedImage, options: RelayOptions, out: Writable, stop: AbortSignal) {
    this.#image = image;
    this.#options = options;
    this.#out = out;
    this.#stop = stop;
    const diffIds = image.layers.map(({ diffId }) => diffId);
    this.#diffIds = new Set(diffIds);
    this.#promised = new Map([
      ...diffIds.map((diffId) => [blobPath({ digest: diffId }), diffId] as const),
      ...diffIds.map((diffId) => [`${hexOf(diffId)}.tar`, diffId] as const),
      ...[...legacyIdsOf(diffIds)].map(([id, diffId]) => [`${id}/layer.tar`, diffId] as const),
    ]);
  }

  async run(): Promise<void> {
    const { openSave, name } = this.#options;
    await readMembers(openSave(this.#stop), { name, signal: this.#stop }, async (member, content) => {
      if (member.kind === 'file') await this.#take(member, content);
    });
    const config = this.#whole();
    const file = this.#configName;
    const called = engineNameOf(this.#image);
    const layers = this.#image.layers.map(({ diffId }) => this.#come.get(diffId));
    const record = [{ Config: file, RepoTags: called === undefined ? [] : [called], Layers: layers }];
    await this.#sendDocument(file, config);
    await this.#sendDocument('manifest.json', Buffer.from(JSON.stringify(record)));
    await this.#send(endOfArchive);
  }

  get #configName(): string {
    return `${hexOf(this.#image.config.digest)}.json`;
  }

  async #take(member: TarMember, content: AsyncIterable<Buffer>): Promise<void> {
    if (member.name === this.#configName || member.name === blobPath(this.#image.config)) {
      this.#config = await this.#readConfig(member, content);
      return;
    }
    const promised = this.#promised.get(member.name);
    if (promised === undefined && !legacyLayer.test(member.name)) return;
    // Nothing is sent twice, nor what comes when all are there.
    const isNeeded =
      promised === undefined ? this.#come.size < this.#diffIds.size : !this.#come.has(promised);
    if (isNeeded) await this.#takeLayer(member, content, promised);
  }

  async #readConfig({ name }: TarMember, content: AsyncIterable<Buffer>): Promise<Buffer> {
    const what = `${this.#options.name}: ${shownName(name)}`;
    const bytes = await collect(content, limits.imageConfig, what);
    const { digest } = this.#image.config;
    const got = digestOf(bytes);
    if (got !== digest) throw digestMismatch(what, digest, got);
    return bytes;
  }

  async #takeLayer(
    member: TarMember,
    content: AsyncIterable<Buffer>,
    promised: Digest | undefined,
  ): Promise<void> {
    const { without, heldAs, name: archive, onRelayed } = this.#options;
    const isHeld = promised !== undefined && without.has(promised);
    const name = `layer-${this.#come.size + 1}.tar`;
    if (!isHeld) await this.#send(headerBlock(name, member.size));
    else if (heldAs === 'empty file') await this.#send(headerBlock(name, 0));
    const hash = createHash('sha256');
    for await (const chunk of content) {
      hash.update(chunk);
      if (isHeld) this.#skipped += chunk.length;
      else {
        await this.#send(chunk);
        this.#sent += chunk.length;
      }
      onRelayed?.({ sent: this.#sent, skipped: this.#skipped });
    }
    if (!isHeld) await this.#pad(member.size);
    const got: Digest = `sha256:${hash.digest('hex')}`;
    const what = `${archive}: ${shownName(member.name)}`;
    if (promised !== undefined && got !== promised) throw digestMismatch(what, promised, got);
    if (!this.#diffIds.has(got)) throw digestMismatch(what, 'a layer of the image', got);
    if (!this.#come.has(got)) this.#come.set(got, name);
  }

  /** The config, once it and every layer have come. */
  #whole(): Buffer {
    const { name } = this.#options;
    const { config, layers, reference } = this.#image;
    if (this.#config === undefined) {
      throw new PackferryError(
        'E_SOURCE_PROTOCOL',
        `${name}: asked for the image ${config.digest}, the engine saved another one, or no config`,
        { hint: 'Pull or build the image again on that engine.' },
      );
    }
    const { diffIds } = parseConfig(this.#config, `${name}: ${config.digest}`);
    if (
      !isDeepStrictEqual(
        diffIds,
        layers.map(({ diffId }) => diffId),
      )
    ) {
      const what = `${name}: the engine lists other layers for ${config.digest} than the image itself`;
      throw new PackferryError('E_SOURCE_PROTOCOL', what, {
        hint: 'Pull or build the image again on that engine.',
      });
    }
    const missing = [...this.#diffIds].filter((diffId) => !this.#come.has(diffId));
    if (missing.length > 0) throw incomplete(name, reference, missing);
    return this.#config;
  }

  async #sendDocument(name: string, content: Buffer): Promise<void> {
    await this.#send(headerBlock(name, content.length));
    await this.#send(content);
    await this.#pad(content.length);
  }

  async #pad(size: number): Promise<void> {
    const padding = paddingOf(size);
    if (padding > 0) await this.#send(Buffer.alloc(padding));
  }

  /** Waits while the receiver does: the save is read no faster than it takes. */
  async #send(bytes: Buffer): Promise<void> {
    const { pace } = this.#options;
    const piece = pace?.piece ?? bytes.length;
    for (let at = 0; at < bytes.length; at += piece) {
      const part = bytes.subarray(at, at + piece);
      await pace?.take(part.length, this.#stop);
      this.#stop.throwIfAborted();
      if (!this.#out.write(part)) await once(this.#out, 'drain', { signal: this.#stop });
    }
  }
}
