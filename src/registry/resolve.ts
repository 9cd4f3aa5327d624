import { deprecationIn } from '../core/deprecation.ts';
import { parseDigest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { refuseForeignLayers } from '../core/foreign-layers.ts';
import type { Descriptor, Layer, LockedImage } from '../core/image.ts';
import { isImageConfigType } from '../core/media-types.ts';
import { configFits, platformFrom, type Platform } from '../core/platform.ts';
import { formatReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import type { ImageConfigDocument, ImageIndexDocument, ImageManifestDocument } from '../schema/oci.ts';
import { candidatesOf, offeredBy, platformNotFound, type Candidate } from './choose-platform.ts';
import type { ImageDocument } from './document-cache.ts';
import type { Documents } from './documents.ts';
import { malformed, readConfigDocument, readManifestDocument } from './read-document.ts';
import { printable } from './refusal-words.ts';

/** Indexes inside indexes, in levels. */
const maxDepth = 3;
/** Indexes that are fetched for one image, at most. */
const maxIndexes = 16;

/** An image's manifest, and the platform that the index which led to it names. */
interface Found {
  readonly manifest: ImageManifestDocument;
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * Follows a reference to the one image for a platform, at one endpoint. Nothing is taken on trust: every document is
 * checked against the digest that led to it.
 */
export async function resolveImage(
  documents: Documents,
  reference: ImageReference,
  wanted: Platform,
  source: string,
): Promise<LockedImage> {
  const name = reference.written;
  const document = await documents.named(reference.digest ?? reference.tag ?? 'latest');
  const { manifest, descriptor, platform } = await new Search(documents, name, wanted).find(document);
  refuseForeignLayers(manifest.layers, name);
  const { digest, size, mediaType } = manifest.config;
  if (!isImageConfigType(mediaType)) {
    throw malformed(name, `this is no container image but ${printable(mediaType)}`);
  }
  const config = readConfigDocument(await documents.config(manifest.config), name);
  const deprecated = deprecationIn(config.config?.Env);
  return {
    reference: tagNameOf(reference) ?? formatReference(reference),
    platform: platform ?? platformOf(config, wanted, name),
    manifest: descriptor,
    config: { mediaType, digest, size },
    layers: layersOf(manifest, config, name),
    source,
    ...(deprecated === undefined ? {} : { deprecated }),
  };
}

/** The way from a document through its indexes to the image. */
class Search {
  readonly #documents: Documents;
  readonly #name: string;
  readonly #wanted: Platform;
  readonly #offered: Platform[] = [];
  #indexes = 0;

  constructor(documents: Documents, name: string, wanted: Platform) {
    this.#documents = documents;
    this.#name = name;
    this.#wanted = wanted;
  }

  async find(document: ImageDocument): Promise<Found> {
    const found = await this.#follow(document, 0);
    if (found === undefined) throw platformNotFound(this.#name, this.#wanted, this.#offered);
    return found;
  }

  async #follow(document: ImageDocument, depth: number, from?: Candidate): Promise<Found | undefined> {
    const read = readManifestDocument(document, this.#name);
    if (from !== undefined && read.mediaType !== from.entry.mediaType) {
      const { digest, mediaType } = from.entry;
      throw malformed(this.#name, `its index calls ${digest} ${mediaType}, but it is ${read.mediaType}`);
    }
    if (read.kind === 'index') return this.#choose(read.index, depth + 1);
    // An artifact beside the images of an index is none of them; one that was asked for by name is told as what it is.
    if (from !== undefined && !isImageConfigType(read.manifest.config.mediaType)) return undefined;
    const descriptor = { mediaType: read.mediaType, digest: document.digest, size: document.bytes.length };
    return { manifest: read.manifest, descriptor, platform: from?.platform };
  }

  async #choose(index: ImageIndexDocument, depth: number): Promise<Found | undefined> {
    this.#indexes += 1;
    if (depth > maxDepth || this.#indexes > maxIndexes) {
      throw new PackferryError('E_LIMIT_EXCEEDED', `${this.#name}: too many indexes inside its index`, {
        hint: `At most ${maxDepth} levels and ${maxIndexes} indexes are followed.`,
      });
    }
    this.#offered.push(...offeredBy(index));
    for (const candidate of candidatesOf(index, this.#wanted)) {
      const document = await this.#documents.manifest(candidate.entry);
      const found = await this.#follow(document, depth, candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** The platform of an image that no index led to, or one that left it open. */
function platformOf(config: ImageConfigDocument, wanted: Platform, name: string): Platform {
  const platform = platformFrom(config);
  if (platform === undefined) throw malformed(name, 'its config does not name its platform');
  if (!configFits(platform, wanted)) throw platformNotFound(name, wanted, [platform]);
  return platform;
}

function layersOf({ layers }: ImageManifestDocument, config: ImageConfigDocument, name: string): Layer[] {
  const diffIds = config.rootfs.diff_ids ?? [];
  if (diffIds.length !== layers.length) {
    throw malformed(name, `its manifest has ${layers.length} layers, its config ${diffIds.length}`);
  }
  return layers.map(({ mediaType, digest, size }, at) => {
    return { mediaType, digest, size, diffId: parseDiffId(diffIds[at] ?? '', at, name) };
  });
}

function parseDiffId(text: string, at: number, name: string): Layer['diffId'] {
  try {
    return parseDigest(text, `diff_ids[${at}]`);
  } catch (fault) {
    throw malformed(name, `its config has an invalid digest at rootfs.diff_ids.${at}`, fault);
  }
}
