import type { Readable } from 'node:stream';
import { asPackferryError, PackferryError, type ErrorCode } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { BlobOptions, ImageSource, SaveOptions } from '../core/ports.ts';
import { lockedNameOf, type ImageReference } from '../core/reference.ts';
import type { TagList, TagSource } from '../registry/tags.ts';
import type { SourceEndpoint } from './source-endpoint.ts';

/** A source that is opened when something is wanted of it. */
export interface ChainLink {
  readonly endpoint: SourceEndpoint;
  open(): Promise<ImageSource & Partial<TagSource>>;
}

/** The tags of an image; undefined where it comes from something that keeps no list of tags. */
export type KnownTags = TagList | { readonly tags: undefined; readonly source: string };

/** "I do not have it" and "nobody answers". Everything else, wrong content above all, ends the search. */
const passedOver: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'E_IMAGE_NOT_FOUND',
  'E_PLATFORM_NOT_FOUND',
  'E_SOURCE_UNREACHABLE',
  'E_SOURCE_DENIED',
  'E_SOURCE_PROTOCOL',
  'E_RATE_LIMITED',
  'E_IMAGE_INCOMPLETE',
  'E_BUNDLE_NOT_FOUND',
]);

const notThere: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'E_IMAGE_NOT_FOUND',
  'E_PLATFORM_NOT_FOUND',
  'E_BASE_MISSING',
]);

/** What is told of a source that did not give what was asked for, although another one did. */
export type TellPassedOver = (level: 'info' | 'warning', message: string) => void;

/** Sources that are asked one after the other. One alone speaks for itself. */
export class Chain {
  readonly #links: readonly ChainLink[];
  readonly #tell: TellPassedOver;
  /** What has given something, by its link. */
  readonly #opened = new Map<ChainLink, ImageSource>();

  constructor(links: readonly ChainLink[], tell: TellPassedOver) {
    this.#links = links;
    this.#tell = tell;
  }

  /**
   * The image of the first source that has it, under the name by which it was asked for. `preferred`: what an earlier
   * answer named as its source; that one is asked first.
   */
  async resolve(
    reference: ImageReference,
    platform: Platform,
    {
      signal,
      preferred,
    }: { readonly signal?: AbortSignal | undefined; readonly preferred?: string | undefined },
  ): Promise<LockedImage> {
    const name = lockedNameOf(reference);
    const ask = async (link: ChainLink): Promise<LockedImage> => {
      const image = await (await link.open()).resolve(reference, platform, signal);
      const { scheme, url } = link.endpoint;
      // A registry names the mirror that answered; the others are named as they were written, on any machine.
      return { ...image, reference: name, source: scheme === 'registry' ? image.source : url };
    };
    const isPassed = ({ code }: PackferryError): boolean => passedOver.has(code);
    const found = await this.#first(this.#ranked(preferred), ask, isPassed, signal);
    if ('value' in found) return found.value;
    throw noneHas(name, found.errors);
  }

  /** The blob from where the image came, else from any other source that has it: whose it is, the digest decides. */
  async openBlob(image: LockedImage, blob: Descriptor, options: BlobOptions = {}): Promise<Readable> {
    const ask = async (link: ChainLink): Promise<Readable> => {
      const source = await link.open();
      const content = await source.openBlob(image, blob, options);
      this.#opened.set(link, source);
      return content;
    };
    const found = await this.#first(this.#ranked(image.source), ask, () => true, options.signal);
    if ('value' in found) return found.value;
    // What the others say of a blob that they never promised is of no use.
    throw found.errors[0]?.error ?? noneHas(image.reference, []);
  }

  /** The save of an unpacked image, from where it came: another engine may have another image under its name. */
  async *openSave(image: LockedImage, options: SaveOptions = {}): AsyncGenerator<Buffer> {
    const link = this.#links.find(({ endpoint }) => endpoint.url === image.source);
    const { unpacked } = (await link?.open()) ?? {};
    if (unpacked === undefined) throw noneHas(image.reference, []);
    yield* unpacked.openSave(image, options);
  }

  /** Parts are asked for where all are registries: whoever steps in must give just the part, too. */
  splits(image: LockedImage): boolean {
    const [first] = this.#ranked(image.source);
    if (first === undefined || this.#links.some(({ endpoint }) => endpoint.scheme !== 'registry'))
      return false;
    return this.#opened.get(first)?.splits?.(image) ?? false;
  }

  /** Asks the sources that keep lists of tags. */
  async listTags(reference: ImageReference, signal?: AbortSignal): Promise<KnownTags> {
    const listing = this.#links.filter(({ endpoint }) => endpoint.scheme === 'registry');
    const other = this.#links.find(({ endpoint }) => endpoint.scheme !== 'registry');
    const ask = async (link: ChainLink): Promise<KnownTags> => {
      const source = await link.open();
      return (await source.listTags?.(reference, signal)) ?? { tags: undefined, source: source.name };
    };
    const isPassed = ({ code }: PackferryError): boolean => passedOver.has(code);
    const found = await this.#first(listing, ask, isPassed, signal);
    if ('value' in found) return found.value;
    if (other !== undefined) return { tags: undefined, source: other.endpoint.url };
    throw noneHas(lockedNameOf(reference), found.errors);
  }

  /** The links in their order, but what gave this `source` as its name first. */
  #ranked(source: string | undefined): readonly ChainLink[] {
    if (source === undefined) return this.#links;
    return [...this.#links].sort((a, b) => nearness(b.endpoint, source) - nearness(a.endpoint, source));
  }

  async #first<T>(
    links: readonly ChainLink[],
    ask: (link: ChainLink) => Promise<T>,
    isPassed: (error: PackferryError) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly value: T } | { readonly errors: readonly Passed[] }> {
    const errors: Passed[] = [];
    for (const link of links) {
      try {
        const value = await ask(link);
        for (const passed of errors) this.#tell(levelOf(passed), `passed over ${textOf(passed)}`);
        return { value };
      } catch (fault) {
        signal?.throwIfAborted();
        const error = asPackferryError(fault);
        if (!isPassed(error)) throw error;
        errors.push({ endpoint: link.endpoint, error });
      }
    }
    return { errors };
  }
}

/** Fifty images that are passed over by a source out of reach are told of once, where the words are the same. */
export function tellingOnce(emit: Emit): TellPassedOver {
  const told = new Set<string>();
  return (level, message) => {
    if (told.has(message)) return;
    told.add(message);
    emit({ type: 'note', level, message });
  };
}

interface Passed {
  readonly endpoint: SourceEndpoint;
  readonly error: PackferryError;
}

function levelOf({ error }: Passed): 'info' | 'warning' {
  return notThere.has(error.code) ? 'info' : 'warning';
}

function textOf({ endpoint, error }: Passed): string {
  return `${endpoint.url.replace(/:$/, '')}: ${error.message}`;
}

/** Out of reach counts for more than absent: who does not answer may have it. */
function noneHas(name: string, errors: readonly Passed[]): PackferryError {
  const first = errors.find(({ error }) => !notThere.has(error.code)) ?? errors[0];
  if (first === undefined) return new PackferryError('E_INTERNAL', `${name}: there is no source to ask`);
  if (errors.length === 1) return first.error;
  return new PackferryError(first.error.code, `${name}: none of its ${errors.length} sources could give it`, {
    ...(first.error.hint === undefined ? {} : { hint: first.error.hint }),
    errors: errors.map((passed) => passed.error.with(textOf(passed))),
  });
}

/** Is this the endpoint that calls itself so? Registries are named by the host or mirror that answered. */
function nearness({ scheme, url, rest }: SourceEndpoint, source: string): number {
  if (url === source) return 2;
  if (scheme !== 'registry' || !source.startsWith('registry://')) return 0;
  return rest === '' || `registry://${rest}/`.startsWith(`${source}/`) ? 2 : 1;
}
