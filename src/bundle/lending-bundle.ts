import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { totalSize, type Descriptor } from '../core/image.ts';
import type { BlobOptions } from '../core/ports.ts';
import { verified } from '../core/verify-stream.ts';
import type { LentReport } from '../schema/lent.ts';
import { BlobPlaces } from './blob-places.ts';
import type { LayerCheck } from './check-layers.ts';
import { readingFile } from './folder.ts';
import type { HashCrew } from './hash-crew.ts';
import { checkSignature, type SignedDocument } from './open.ts';
import type { SignatureOptions } from './signed-list.ts';

export interface VerifyLentOptions {
  /** Decompresses the layer too, and compares it with what the image that needs it promises; one layer at a time. */
  readonly layers?: LayerCheck | undefined;
  /** Hashes it while others are read, where it is not decompressed. Default: this thread does. */
  readonly crew?: HashCrew | undefined;
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

/**
 * A bundle that lends layers to another one, which leaves them out. Its signature was good and its signers are trusted;
 * it may be old, expired, for another site, and damaged elsewhere, since nothing is taken from it but content that the bundle
 * that is imported names by digest. A layer is handed out only after all of it was read and hashed here; whoever takes it
 * hashes it once more.
 *
 * Only `openLendingBundle` makes one.
 */
class LendingBundleFolder {
  readonly dir: string;
  readonly #signed: SignedDocument;
  readonly #places: BlobPlaces;
  /** Is a layer refused that cannot be decompressed here? */
  readonly #requireDeep: boolean;
  /** What was read and hashed, by digest. */
  readonly #verified = new Map<Digest, Descriptor>();

  constructor(dir: string, signed: SignedDocument, requireDeep: boolean) {
    this.dir = dir;
    this.#signed = signed;
    this.#requireDeep = requireDeep;
    this.#places = new BlobPlaces(dir, signed.document, signed.seen);
  }

  /** What it is called in messages. */
  get name(): string {
    const { name, sequence } = this.#signed.document;
    return `bundle:${this.dir} (${name} ${sequence})`;
  }

  /** What it says of itself, and who signed that. */
  get signed(): SignedDocument {
    return this.#signed;
  }

  /** Does it say that it carries this? Touches no disk. */
  carries(layer: Descriptor): boolean {
    return this.#places.has(layer);
  }

  /**
   * Reads a layer whole and hashes it: from then on it may be handed out. Throws `E_BUNDLE_INCOMPLETE`, `E_BUNDLE_MALFORMED`,
   * `E_SIZE_MISMATCH` or `E_DIGEST_MISMATCH` for one that is damaged; `E_IMAGE_MALFORMED` and `E_NOT_CHECKED` where layers are
   * decompressed; the reason of the signal.
   */
  async verify(layer: Descriptor, options: VerifyLentOptions = {}): Promise<void> {
    const { layers, signal } = options;
    const what = `layer ${layer.digest}`;
    try {
      await readingFile(what, () => this.#read(layer, what, options), signal);
    } catch (fault) {
      await layers?.end(layer, false);
      signal?.throwIfAborted();
      throw this.#naming(fault);
    }
    await layers?.end(layer, true);
    const verdict = await layers?.verdictOn(layer.digest);
    if (verdict === 'unknown' && this.#requireDeep) {
      const message = `${this.name}: ${what} is in zstd, and the policy asks to look into it`;
      throw new PackferryError('E_NOT_CHECKED', message, { hint: 'Node 22.15 or later can read it.' });
    }
    if (verdict !== undefined && verdict !== 'unknown') throw this.#naming(verdict);
    this.#verified.set(layer.digest, layer);
  }

  /** Was it verified, so that it may be handed out? */
  lends({ digest }: Pick<Descriptor, 'digest'>): boolean {
    return this.#verified.has(digest);
  }

  /** Opens a layer that was verified. Throws `E_BUNDLE_MALFORMED` when its file is another one by now, `E_BUNDLE_INCOMPLETE`. */
  async open({ digest }: Pick<Descriptor, 'digest'>, options: BlobOptions = {}): Promise<Readable> {
    if (!this.#verified.has(digest)) throw new TypeError(`${this.name}: ${digest} was not verified`);
    try {
      const content = await this.#places.open(digest, options);
      if (content !== undefined) return content;
    } catch (fault) {
      options.signal?.throwIfAborted();
      throw this.#naming(fault);
    }
    throw new TypeError(`${this.name} has no ${digest}`);
  }

  /** Which bundle it is, who signed it, and how much of it was found good to be lent. */
  get report(): LentReport {
    const { document, sumsSha256, signers } = this.#signed;
    const layers = [...this.#verified.values()];
    return {
      dir: this.dir,
      sumsSha256,
      name: document.name,
      sequence: document.sequence,
      signers: signers.map(({ principal, fingerprint }) => ({ principal, fingerprint })),
      layers: layers.length,
      bytes: totalSize(layers),
    };
  }

  async #read(
    layer: Descriptor,
    name: string,
    { layers, crew, signal, onBytes }: VerifyLentOptions,
  ): Promise<void> {
    const content = await this.#places.open(layer.digest, signal === undefined ? {} : { signal });
    if (content === undefined) throw new TypeError(`${this.name} has no ${layer.digest}`);
    const telling = { name, ...(onBytes === undefined ? {} : { onBytes }) };
    if (crew !== undefined && layers === undefined) return crew.verify(content, layer, telling);
    for await (const bytes of verified(content, layer, telling) as AsyncIterable<Buffer>) {
      await layers?.take(layer, bytes);
    }
  }

  #naming(fault: unknown): PackferryError {
    const error = asPackferryError(fault);
    return error.with(`${this.name}: ${error.message}`);
  }
}

export type LendingBundle = LendingBundleFolder;

/**
 * Opens a bundle that is to lend layers: its signature over SHA256SUMS is checked as for an import, and bundle.json against
 * that list; archives are not looked at. Throws what is wrong with these, naming the folder.
 */
export async function openLendingBundle(dir: string, options: SignatureOptions): Promise<LendingBundle> {
  try {
    const signed = await checkSignature(dir, options);
    return new LendingBundleFolder(dir, signed, options.policy?.requireDeep === true);
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.message.includes(dir) ? error : error.with(`${dir}: ${error.message}`);
  }
}
