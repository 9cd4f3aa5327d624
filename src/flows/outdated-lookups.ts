import { collect } from '../core/collect.ts';
import { digestOf } from '../core/digest.ts';
import { asPackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatReference, nameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { digestMismatch } from '../core/verify-stream.ts';
import { imageFactsSchema } from '../schema/image-facts.ts';
import type { KnownTags } from './chain.ts';

/** What the configuration of an image tells. Each is undefined where it says nothing of it. */
export interface ImageFacts {
  /** As an ISO time. */
  readonly created: string | undefined;
  /** The variable `PYTHON_VERSION`, which official Python images and all that are built on them carry: `3.12.13`. */
  readonly python: string | undefined;
}

export interface LookupsOptions {
  readonly source: ImageSource & {
    listTags(reference: ImageReference, signal?: AbortSignal): Promise<KnownTags>;
  };
  readonly platform: Platform;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Asks the sources, and for everything only once: many items use the same image. */
export class Lookups {
  readonly #options: LookupsOptions;
  readonly #lists = new Map<string, Promise<KnownTags>>();
  readonly #facts = new Map<string, Promise<ImageFacts | undefined>>();

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** Every tag of the image. */
  tags(reference: ImageReference): Promise<KnownTags> {
    const { source, signal } = this.#options;
    return kept(this.#lists, nameOf(reference), () => source.listTags(reference, signal));
  }

  /** The facts of the image under a tag; undefined when they cannot be read, and a warning says why. */
  facts(reference: ImageReference, tag: string): Promise<ImageFacts | undefined> {
    const tagged = parseReference(`${nameOf(reference)}:${tag}`);
    return kept(this.#facts, formatReference(tagged), async () => {
      try {
        return await this.#read(tagged);
      } catch (fault) {
        const { emit, signal } = this.#options;
        signal.throwIfAborted();
        const message = `age and Python are not known: ${asPackferryError(fault).message}`;
        emit({ type: 'note', level: 'warning', message });
        return undefined;
      }
    });
  }

  async #read(reference: ImageReference): Promise<ImageFacts> {
    const { source, platform, signal } = this.#options;
    const image = await source.resolve(reference, platform, signal);
    const { digest, size } = image.config;
    const what = `${image.reference}: its configuration`;
    const bytes = await collect(
      await source.openBlob(image, image.config, { signal }),
      Math.min(size, limits.imageConfig),
      what,
    );
    if (digestOf(bytes) !== digest) throw digestMismatch(what, digest, digestOf(bytes));
    const { created, config } = imageFactsSchema.parse(
      parseStrictJson(bytes, { name: what, maxBytes: limits.imageConfig }),
    );
    const python = config?.Env?.find((variable) => variable.startsWith('PYTHON_VERSION='))?.split('=')[1];
    return {
      created: timeOf(created),
      python: python !== undefined && /^\d/.test(python) ? python : undefined,
    };
  }
}

/** Reproducible builds leave the time out or write the beginning of an epoch, which tells no age. */
function timeOf(created: string | null | undefined): string | undefined {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) || time <= 0 ? undefined : new Date(time).toISOString();
}

function kept<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const asked = ask();
  known.set(key, asked);
  return asked;
}
