import { Readable } from 'node:stream';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { isIndexType, isManifestType } from '../core/media-types.ts';
import type { Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource } from '../core/ports.ts';
import { nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { RegistryClient } from './client.ts';
import { DocumentCache } from './document-cache.ts';
import { Documents } from './documents.ts';
import { repositoriesOf, type Endpoint, type Repository } from './endpoint.ts';
import { firstThatHas } from './first-that-has.ts';
import { openBlob, type BlobAnswer } from './open-blob.ts';
import { fillOptions, type FilledOptions, type RegistrySourceOptions } from './options.ts';
import type { PullCount } from './pull-limits.ts';
import { resolveImage } from './resolve.ts';
import { openResuming } from './resuming-blob.ts';
import { readTags, type TagList, type TagSource } from './tags.ts';

const cacheBytes = 32 * 1024 * 1024;

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
  readonly #cache = new DocumentCache(cacheBytes);

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#client = new RegistryClient(options);
  }

  async resolve(reference: ImageReference, platform: Platform, signal?: AbortSignal): Promise<LockedImage> {
    const name = reference.written;
    return firstThatHas(this.#repositoriesOf(reference), name, async (repository) => {
      const documents = new Documents(this.#client, this.#cache, repository, name, signal);
      return resolveImage(documents, reference, platform, urlOf(repository.endpoint));
    });
  }

  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const { from = 0, to = blob.size, signal } = options;
    const known = this.#cache.get(blob.digest);
    if (known !== undefined) return Readable.from([known.bytes.subarray(from, to)], { objectMode: false });
    // Nothing is left to ask for, and a range that starts at the end is one that registries refuse.
    if (from > 0 && from >= blob.size) return Readable.from([], { objectMode: false });

    const what = `${image.reference}: blob ${blob.digest}`;
    const isManifest = isManifestType(blob.mediaType) || isIndexType(blob.mediaType);
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
    return this.#client.pullCounts();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** What has once answered for this image is asked first. */
  #repositoriesFor(image: LockedImage): Repository[] {
    const places = this.#repositoriesOf(parseReference(image.reference));
    return places.sort((a, b) => answered(b.endpoint, image) - answered(a.endpoint, image));
  }

  #repositoriesOf(reference: ImageReference): Repository[] {
    return repositoriesOf(reference, this.#options.registries);
  }
}

function answered(endpoint: Endpoint, image: LockedImage): number {
  return urlOf(endpoint) === image.source ? 1 : 0;
}

function urlOf(endpoint: Endpoint): string {
  return `registry://${endpoint.name}`;
}
