import { openDockerArchive } from '../archive/docker-archive.ts';
import { openOciLayout } from '../archive/oci-layout.ts';
import { openBundleFolder } from '../bundle/folder-source.ts';
import type { Emit } from '../core/events.ts';
import type { LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatReference, parseReference, type ImageReference } from '../core/reference.ts';
import type { SshAccess } from '../engine/ssh-access.ts';
import type { TagSource } from '../registry/tags.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { pinnedByName } from './pinned-by-name.ts';
import type { SourceEndpoint } from './source-endpoint.ts';

export interface SourcesOptions {
  /** All registries, with their settings. They are closed by whoever opened them. */
  readonly registries: ImageSource & TagSource;
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  /** Absolute folder for what has to be unpacked before it can be read; made when it is needed. */
  readonly spoolDir: string;
  /** The keys whose bundles are believed; asked for only when a bundle has to be believed. */
  readonly trustedKeys: () => Promise<AllowedSigners>;
  /** Opens a bundle in another way: where images go on from here, nothing is taken from one that is not verified. */
  readonly openBundle?: (dir: string) => Promise<ImageSource>;
  /** The one reading of the clock: decides on expiry and on the validity of keys. */
  readonly now: Date;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What of a source can be opened: some keep lists of tags. */
export type OpenSource = ImageSource & Partial<TagSource>;

/** The places that images come from, each opened once and only when something is wanted of it. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #opened = new Map<string, Promise<OpenSource>>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** Opens a source. One that could not be opened is not tried again: the answer is the same. */
  open(endpoint: SourceEndpoint): Promise<OpenSource> {
    const key = `${endpoint.scheme}:${endpoint.rest}`;
    const known = this.#opened.get(key) ?? openSource(endpoint, this.#options);
    this.#opened.set(key, known);
    return known;
  }

  /** Closes what was opened, also when something fails to. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    const sources = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await Promise.allSettled(sources.map((source) => source.close()));
  }
}

async function openSource({ scheme, rest }: SourceEndpoint, options: SourcesOptions): Promise<OpenSource> {
  const { registries, trustedKeys, now, emit, spoolDir, signal } = options;
  switch (scheme) {
    case 'registry':
      return rest === '' ? below(registries) : below(registries, rest);
    case 'oci':
      return openOciLayout(rest);
    case 'bundle':
      return options.openBundle?.(rest) ?? openBundleFolder(rest, { trustedKeys, now, emit });
    case 'docker-archive':
      return pinnedByName(await openDockerArchive(rest, { spoolDir, emit, signal }));
    case 'ssh':
    case 'docker':
    case 'podman': {
      const { openEngine } = await import('./engine-source.ts');
      return openEngine(scheme, rest, options);
    }
  }
}

/** The registries, or the same repositories below another registry. */
function below(registries: ImageSource & TagSource, base?: string): OpenSource {
  const movedImage = (image: LockedImage): LockedImage => {
    return { ...image, reference: formatReference(moved(parseReference(image.reference))) };
  };
  const moved = (reference: ImageReference): ImageReference =>
    base === undefined ? reference : movedTo(base, reference);
  return {
    name: base === undefined ? registries.name : `registry://${base}`,
    resolve: (reference, platform, signal) => registries.resolve(moved(reference), platform, signal),
    openBlob: (image, blob, options) => registries.openBlob(movedImage(image), blob, options),
    splits: (image) => registries.splits?.(movedImage(image)) ?? false,
    listTags: (reference, signal) => registries.listTags(moved(reference), signal),
    close: () => Promise.resolve(),
  };
}

/** The same repository below another registry. Messages name both. */
function movedTo(base: string, reference: ImageReference): ImageReference {
  const { repository, tag, digest } = reference;
  const ending = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
  const moved = parseReference(`${base}/${repository}${ending}`);
  return { ...moved, written: `${reference.written} from registry://${base}` };
}
