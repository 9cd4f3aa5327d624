import { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { isImageConfigType, isIndexType, isManifestType } from '../core/media-types.ts';
import type { Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { RegistryClient } from './client.ts';
import { Documents } from './documents.ts';
import { repositoriesOf, type Endpoint, type Repository } from './endpoint.ts';
import { firstThatHas } from './first-that-has.ts';
import { Heads } from './heads.ts';
import { KnownDocuments } from './known-documents.ts';
import { openBlob, type BlobAnswer } from './open-blob.ts';
import { fillOptions, type FilledOptions, type RegistrySourceOptions } from './options.ts';
import type { PullCount } from './pull-limits.ts';
import { resolveImage } from './resolve.ts';
import { openResuming } from './resuming-blob.ts';
import { readTags, type TagList, type TagSource } from './tags.ts';

/** Something that knows what registries say of the pulls that they allow. */
export interface PullCounts {
  /** One for each registry and mirror from which manifests were fetched. */
  pullCounts(): readonly PullCount[];
}

/**
 * All registries as one source: the reference names the host. Reads from the mirrors first where some are set. Throws
 * `E_ENDPOINT_INVALID` when a setting names no usable host.
 */
export function openRegistrySource(
  options: RegistrySourceOptions = {},
): ImageSource & TagSource & PullCounts {
  return new RegistrySource(fillOptions(options));
}

class RegistrySource implements ImageSource, TagSource, PullCounts {
  readonly name = 'registry:';
  readonly #options: FilledOptions;
  readonly #client: RegistryClient;
  readonly #known: KnownDocuments;
  /** Without a folder there is hardly anything that a HEAD could save. */
  readonly #heads: Heads | undefined;

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#client = new RegistryClient(options);
    this.#known = new KnownDocuments(options.documentFolder, options.emit);
    this.#heads =
      options.documentFolder === undefined
        ? undefined
        : new Heads(this.#client, options.credentials, this.#known);
  }

  async resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage> {
    const name = reference.written;
    return firstThatHas(this.#repositoriesOf(reference), name, async (repository) => {
      const documents = new Documents({
        client: this.#client,
        known: this.#known,
        heads: this.#heads,
        ...{ repository, name, signal },
      });
      try {
        return await resolveImage(documents, reference, platform, urlOf(repository.endpoint));
      } catch (fault) {
        const isLimited = fault instanceof PackferryError && fault.code === 'E_RATE_LIMITED';
        if (isLimited) this.#client.pulls.refuse(repository.endpoint.name);
        throw fault;
      }
    });
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const { from = 0, to = blob.size, signal } = options;
    const isManifest = isManifestType(blob.mediaType) || isIndexType(blob.mediaType);
    const isDocument = isManifest || isImageConfigType(blob.mediaType);
    const known = isDocument ? await this.#known.find(blob.digest) : undefined;
    if (known !== undefined) return Readable.from([known.bytes.subarray(from, to)], { objectMode: false });
    // Nothing is left to ask for, and a range that starts at the end is one that registries refuse.
    if (from > 0 && from >= blob.size) return Readable.from([], { objectMode: false });

    const what = `${image.reference}: blob ${blob.digest}`;
    // What broke off before it got ahead is asked last.
    let places = this.#repositoriesFor(image);
    const open = async (start: number, stop: AbortSignal, stuck?: BlobAnswer): Promise<BlobAnswer> => {
      const last = places.filter(({ endpoint }) => endpoint.name === stuck?.endpoint.name);
      places = [...places.filter((place) => !last.includes(place)), ...last];
      return firstThatHas(places, what, (repository) =>
        openBlob(this.#client, repository, { blob, isManifest, from: start, to, what, signal: stop }),
      );
    };
    const { policy, closed } = this.#client;
    return openResuming({ blob, from, to, what, policy, signal, closed, open, onServed: options.onServed });
  }

  splits(image: LockedImage): boolean {
    const [first] = this.#repositoriesFor(image);
    return first !== undefined && this.#client.ranges.areGiven(first.endpoint.origin);
  }

  async listTags(reference: ImageReference, signal?: AbortSignal): Promise<TagList> {
    const name = nameOf(reference);
    return firstThatHas(this.#repositoriesOf(reference), name, async (repository) => {
      return {
        tags: await readTags(this.#client, repository, name, signal),
        source: urlOf(repository.endpoint),
      };
    });
  }

  pullCounts(): readonly PullCount[] {
    return this.#client.pulls.counts();
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#known.close();
  }

  /** What has once answered for this image is asked first. */
  #repositoriesFor(image: LockedImage): Repository[] {
    const places = this.#repositoriesOf(parseReference(image.reference));
    return places.sort((a, b) => answered(b.endpoint, image) - answered(a.endpoint, image));
  }

  #repositoriesOf(reference: ImageReference): Repository[] {
    return repositoriesOf(reference, this.#options.registries, this.#options.certificateFolders);
  }
}

function answered(endpoint: Endpoint, image: LockedImage): number {
  return urlOf(endpoint) === image.source ? 1 : 0;
}

function urlOf(endpoint: Endpoint): string {
  return `registry://${endpoint.name}`;
}
