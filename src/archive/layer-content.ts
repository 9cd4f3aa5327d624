import type { Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor } from '../core/image.ts';
import { compressionOf, LayerHash, type DiffId } from './save/layer-hash.ts';

/** Enough of a layer's start to tell how it is compressed, in bytes. */
const headSize = 4;

/** Finds out what a layer decompresses to, while its bytes pass by. Memory: the buffers of one decompressor. */
export class LayerContent {
  readonly #digest: Digest;
  /** What came before the compression was known. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #hash: LayerHash | undefined;

  constructor({ digest }: Pick<Descriptor, 'digest'>) {
    this.#digest = digest;
  }

  /** The next bytes; resolves when more may come. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#head === undefined) {
      await this.#hash?.write(bytes);
      return;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    if (this.#head.length >= headSize) await this.#begin(this.#head);
  }

  /** What it was, after its last byte. What is not compressed is its own content. */
  async end(): Promise<DiffId> {
    if (this.#head !== undefined) await this.#begin(this.#head);
    return this.#hash?.end() ?? this.#digest;
  }

  async #begin(head: Buffer): Promise<void> {
    this.#head = undefined;
    const compression = compressionOf(head);
    if (compression === 'none') return;
    this.#hash = new LayerHash(compression);
    await this.#hash.write(head);
  }
}

/** What is wrong when a layer of `whose` image turned out as `got`; undefined when that is what was promised, or unknown. */
export function layerFault(
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  whose: string,
  promised: Digest,
  got: DiffId,
): PackferryError | undefined {
  if (got === promised || got === 'unknown') return undefined;
  const what =
    got === 'broken'
      ? `does not decompress to an end, or to far more than its ${size} bytes allow`
      : `decompresses to ${got}`;
  const message = `layer ${digest} of ${whose} ${what}, and the config of the image promises ${promised}`;
  return new PackferryError('E_IMAGE_MALFORMED', message, {
    hint: 'The image was like this when the bundle was made: tell who signed it, and load nothing of it.',
  });
}
