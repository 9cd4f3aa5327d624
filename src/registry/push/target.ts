import pLimit from 'p-limit';
import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import { blobsOf, type Descriptor, type LockedImage } from '../../core/image.ts';
import type {
  Confirmation,
  Conflict,
  DeliverOptions,
  Delivery,
  ImageSource,
  ImageTarget,
  Presence,
} from '../../core/ports.ts';
import type { ImageReference } from '../../core/reference.ts';
import { someOf } from '../../core/some-of.ts';
import { tagConflict } from '../../core/tag-conflict.ts';
import { RegistryClient } from '../client.ts';
import { endpointAt } from '../endpoint.ts';
import { fillOptions, type RegistrySourceOptions } from '../options.ts';
import { hasBlob, PieceSize } from './blob.ts';
import { deliverImage } from './deliver.ts';
import { findElsewhere, type SoughtLayer } from './elsewhere.ts';
import { Holdings } from './holdings.ts';
import { deleteTag, getManifest, holderOf, putManifest, type ManifestAsking } from './manifest.ts';
import { placeNamed, placeOf, type Place } from './place.ts';
import { Writer } from './writer.ts';

export interface RegistryTargetOptions extends RegistrySourceOptions {
  /** Bytes of a blob that are sent in one request, and are held in memory meanwhile. Default: 8 MiB. */
  readonly pieceSize?: number;
}

/** Questions that are asked at the same time. */
const questions = 6;

/**
 * A registry as target. `base` is `HOST[:PORT][/PREFIX]`: images are put below it under their names without registry.
 * Nothing is asked before the first survey. Throws `E_ENDPOINT_INVALID`.
 */
export function openRegistryTarget(base: string, options: RegistryTargetOptions = {}): ImageTarget {
  const { pieceSize = 8 * 1024 * 1024, ...rest } = options;
  const filled = fillOptions(rest);
  const endpoint = endpointAt(base, filled);
  return new RegistryTarget(new Writer(new RegistryClient(filled), endpoint), new PieceSize(pieceSize));
}

class RegistryTarget implements ImageTarget {
  readonly name: string;
  readonly #writer: Writer;
  readonly #pieceSize: PieceSize;
  readonly #holdings = new Holdings();
  /** Repositories that may have a layer, of which something else said so. */
  readonly #mayBeIn = new Map<Digest, readonly string[]>();
  readonly #limit = pLimit(questions);

  constructor(writer: Writer, pieceSize: PieceSize) {
    this.name = `registry://${writer.endpoint.name}`;
    this.#writer = writer;
    this.#pieceSize = pieceSize;
  }

  nameOf(image: LockedImage): string {
    return this.#placeOf(image).text;
  }

  /** Without a name only a host that is out of reach counts: which account it wants may depend on the repository. */
  async greet(name: ImageReference | undefined, signal?: AbortSignal): Promise<void> {
    if (name === undefined) return this.#writer.reach(signal);
    const place = placeNamed(this.#writer.endpoint, name);
    await holderOf(place, { writer: this.#writer, what: place.text, signal });
  }

  mayHave(layers: ReadonlyMap<Digest, readonly ImageReference[]>): void {
    const pathOf = (image: ImageReference): string => placeNamed(this.#writer.endpoint, image).path;
    for (const [digest, images] of layers) this.#mayBeIn.set(digest, images.map(pathOf));
  }

  /** Asks for every name and every blob, each once. Throws `E_TAG_CONFLICT` where two images would get one name. */
  async survey(images: readonly LockedImage[], signal?: AbortSignal): Promise<readonly Presence[]> {
    refuseCollisions(this.name, images, (image) => this.#placeOf(image));
    const asked = new Map<string, Promise<boolean>>();
    const look = (image: LockedImage, blob: Descriptor): Promise<boolean> => {
      const { path } = this.#placeOf(image);
      const key = `${path} ${blob.digest}`;
      const looking = asked.get(key) ?? this.#limit(() => this.#look(image, path, blob, signal));
      asked.set(key, looking);
      return looking;
    };
    try {
      const holders = await Promise.all(
        images.map(async (image) => {
          await Promise.all(contentOf(image).map((blob) => look(image, blob)));
          return this.#limit(() => holderOf(this.#placeOf(image), this.#asking(image, signal)));
        }),
      );
      await findElsewhere(this.#soughtOf(images), {
        ...{ writer: this.#writer, holdings: this.#holdings, limit: this.#limit, signal },
      });
      return images.map((image, at) => this.#presenceOf(image, holders[at]));
    } finally {
      // After a fault nobody waits for the rest.
      this.#limit.clearQueue();
    }
  }

  async deliver(image: LockedImage, source: ImageSource, options: DeliverOptions = {}): Promise<Delivery> {
    const place = this.#placeOf(image);
    // Asked again here: between the survey and now a name may have been given to another image.
    const holder = await holderOf(place, this.#asking(image, options.signal));
    if (holder !== undefined && holder !== image.manifest.digest && holder !== options.replaces) {
      throw tagConflict(this.name, image.reference, this.#conflict(image, holder));
    }
    const [writer, holdings, pieceSize] = [this.#writer, this.#holdings, this.#pieceSize];
    return deliverImage({ writer, holdings, pieceSize, image, place, source }, options);
  }

  async confirm(image: LockedImage, signal?: AbortSignal): Promise<Confirmation> {
    const place = this.#placeOf(image);
    const { digest } = image.manifest;
    const held = await getManifest(place, this.#asking(image, signal));
    if (held === undefined) return { confirmed: false, reason: `the registry has no ${place.text}` };
    if (held.digest !== digest) {
      return { confirmed: false, reason: `${place.text} stands for another image there, ${held.digest}` };
    }
    const missing = await this.#missingOf(image, place, signal);
    if (missing.length > 0) {
      return { confirmed: false, reason: `the registry lacks ${someOf(missing)} of it` };
    }
    return { confirmed: true, id: digest };
  }

  async setAside(holder: string, name: ImageReference, signal?: AbortSignal): Promise<void> {
    const { path, text, name: tag } = placeNamed(this.#writer.endpoint, name);
    const asking = { writer: this.#writer, what: text, signal };
    const held = await getManifest({ path, name: holder }, asking);
    if (held?.digest !== holder) {
      throw new PackferryError(
        'E_TARGET_PROTOCOL',
        `${text}: ${this.name} does not give ${holder} any more`,
        {
          hint: 'Somebody else may have removed it. Run the same command again.',
        },
      );
    }
    await putManifest({ path, name: tag }, held, asking);
  }

  async withdraw(image: LockedImage, before: string | undefined): Promise<void> {
    const place = this.#placeOf(image);
    if (!place.isTag) return;
    const asking = this.#asking(image, undefined);
    const held = before && (await getManifest({ ...place, name: before }, asking));
    if (held) await putManifest(place, held, asking);
    else await deleteTag(place, asking);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #placeOf(image: LockedImage): Place {
    return placeOf(this.#writer.endpoint, image);
  }

  #asking({ reference }: LockedImage, signal: AbortSignal | undefined): ManifestAsking {
    return { writer: this.#writer, what: reference, signal };
  }

  /** Notes whether a repository has a blob. */
  async #look(
    { reference }: LockedImage,
    path: string,
    blob: Descriptor,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const what = `${reference}: blob ${blob.digest}`;
    const isThere = await hasBlob(this.#writer, this.#writer.repository(path), blob, what, signal);
    if (isThere) this.#holdings.add(path, blob.digest);
    return isThere;
  }

  /** The layers that may be in repositories which were not asked, and are in none that was. */
  #soughtOf(images: readonly LockedImage[]): SoughtLayer[] {
    const sought = new Map<Digest, SoughtLayer>();
    for (const image of images) {
      for (const blob of image.layers) {
        const paths = this.#mayBeIn.get(blob.digest);
        if (paths === undefined || this.#holdings.isAnywhere(blob.digest)) continue;
        const asked = [...(sought.get(blob.digest)?.asked ?? []), this.#placeOf(image).path];
        sought.set(blob.digest, { blob, paths, asked, what: `${image.reference}: blob ${blob.digest}` });
      }
    }
    return [...sought.values()];
  }

  async #missingOf(image: LockedImage, { path }: Place, signal: AbortSignal | undefined): Promise<Digest[]> {
    const found = await Promise.all(
      contentOf(image).map(async (blob) => {
        return (await this.#limit(() => this.#look(image, path, blob, signal))) ? [] : [blob.digest];
      }),
    );
    return found.flat();
  }

  #presenceOf(image: LockedImage, holder: Digest | undefined): Presence {
    const { path } = this.#placeOf(image);
    const { digest } = image.manifest;
    if (holder !== undefined && holder !== digest) return this.#conflict(image, holder);
    const isWhole = contentOf(image).every((blob) => this.#holdings.has(path, blob.digest));
    return holder === digest && isWhole
      ? { state: 'present', id: digest }
      : { state: 'absent', held: this.#heldOf(image) };
  }

  /** What need not be sent: it is in the repository, or in another one from which it can be had. */
  #heldOf(image: LockedImage): ReadonlySet<Digest> {
    const digests = contentOf(image).map(({ digest }) => digest);
    return new Set(digests.filter((digest) => this.#holdings.isAnywhere(digest)));
  }

  #conflict(image: LockedImage, holder: string): Conflict {
    const hint =
      '--on-existing retag moves the name and keeps the old image under a dated tag, keep leaves all as it is, overwrite only moves the name.';
    return { state: 'conflict', holder, hint, held: this.#heldOf(image) };
  }
}

/** What a manifest refers to. */
function contentOf(image: LockedImage): Descriptor[] {
  return blobsOf(image).filter(({ digest }) => digest !== image.manifest.digest);
}

/** The names of two registries may differ in what is left out. */
function refuseCollisions(
  target: string,
  images: readonly LockedImage[],
  placeOf: (image: LockedImage) => Place,
): void {
  const taken = new Map<string, LockedImage>();
  const errors: PackferryError[] = [];
  for (const image of images) {
    const { text } = placeOf(image);
    const first = taken.get(text) ?? image;
    taken.set(text, first);
    if (first.manifest.digest === image.manifest.digest) continue;
    const message = `${image.reference} and ${first.reference} would both become ${text}`;
    errors.push(
      new PackferryError('E_TAG_CONFLICT', message, {
        hint: 'Give one of them another name with --retag FROM=TO.',
      }),
    );
  }
  const [one] = errors;
  if (one === undefined) return;
  if (errors.length === 1) throw one;
  throw new PackferryError('E_TAG_CONFLICT', `${target}: names of different registries fall together`, {
    errors,
  });
}
