import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import type { Descriptor } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { Platform } from '../../src/core/platform.ts';
import type { ServedBlob, ServedContent, ServedManifest } from '../../src/core/served.ts';

/** A small image with everything that a registry keeps of it. */
export interface SampleImage {
  readonly manifest: ServedManifest;
  readonly platform: Platform;
  /** Config first, then layers. */
  readonly blobs: readonly Buffer[];
}

export interface SampleOptions {
  readonly platform?: Platform;
  /** Makes the layers differ from those of other samples. */
  readonly seed?: string;
  readonly docker?: boolean;
  /** Changes the manifest or the config before they are written down. */
  readonly editManifest?: (manifest: Record<string, unknown>) => void;
  readonly editConfig?: (config: Record<string, unknown>) => void;
}

/** An image of two layers. */
export function sampleImage(options: SampleOptions = {}): SampleImage {
  const { platform = { os: 'linux', architecture: 'amd64' }, seed = 'sample', docker = false } = options;
  const contents = ['base', 'top'].map((part) => Buffer.from(`${seed} ${part} `.repeat(500)));
  const layers = contents.map((content) => gzipSync(content));
  const config: Record<string, unknown> = {
    ...platform,
    config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: contents.map((content) => digestOf(content)) },
  };
  options.editConfig?.(config);
  const configBytes = jsonBytes(config);
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const layerType = docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip;
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, configBytes),
    layers: layers.map((layer) => descriptorOf(layerType, layer)),
  };
  options.editManifest?.(manifest);
  return { manifest: served(mediaType, jsonBytes(manifest)), platform, blobs: [configBytes, ...layers] };
}

/** An index over manifests or other indexes; each entry may say more about itself. */
export function sampleIndex(
  entries: readonly { of: ServedManifest; platform?: Platform; annotations?: Record<string, string> }[],
  mediaType: string = mediaTypes.ociIndex,
): ServedManifest {
  const manifests = entries.map(({ of, platform, annotations }) => ({
    ...of.descriptor,
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
  }));
  return served(mediaType, jsonBytes({ schemaVersion: 2, mediaType, manifests }));
}

/** Bytes with the descriptor that fits them. */
export function served(mediaType: string, bytes: Buffer): ServedManifest {
  return { descriptor: descriptorOf(mediaType, bytes), bytes };
}

export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Repositories in memory. */
export class MemoryContent implements ServedContent {
  readonly #tags = new Map<string, Map<string, ServedManifest>>();
  readonly #manifests = new Map<string, ServedManifest>();
  readonly #blobs = new Map<string, ServedBlob>();

  /** Puts a manifest or index under a tag. */
  tag(repository: string, tag: string, manifest: ServedManifest): this {
    const tags = this.#tags.get(repository) ?? new Map<string, ServedManifest>();
    this.#tags.set(repository, tags.set(tag, manifest));
    return this.keep(manifest);
  }

  /** Keeps a manifest by digest only. */
  keep(manifest: ServedManifest): this {
    this.#manifests.set(manifest.descriptor.digest, manifest);
    return this;
  }

  /** Puts an image under a tag, with its blobs. */
  image(repository: string, tag: string, image: SampleImage): this {
    return this.tag(repository, tag, image.manifest).blobsOf(image);
  }

  blobsOf({ blobs }: SampleImage): this {
    for (const bytes of blobs) this.addBlob(digestOf(bytes), blobOf(bytes));
    return this;
  }

  addBlob(digest: Digest, blob: ServedBlob): this {
    this.#blobs.set(digest, blob);
    return this;
  }

  repositories(): Promise<readonly string[]> {
    return Promise.resolve([...this.#tags.keys()]);
  }

  tags(repository: string): Promise<readonly string[] | undefined> {
    const tags = this.#tags.get(repository);
    return Promise.resolve(tags === undefined ? undefined : [...tags.keys()]);
  }

  manifest(repository: string, tagOrDigest: string): Promise<ServedManifest | undefined> {
    const tags = this.#tags.get(repository);
    if (tags === undefined) return Promise.resolve(undefined);
    return Promise.resolve(tags.get(tagOrDigest) ?? this.#manifests.get(tagOrDigest));
  }

  blob(repository: string, digest: Digest): Promise<ServedBlob | undefined> {
    return Promise.resolve(this.#tags.has(repository) ? this.#blobs.get(digest) : undefined);
  }
}

function blobOf(bytes: Buffer): ServedBlob {
  return {
    size: bytes.length,
    open: (from = 0, end = bytes.length) => Readable.from([bytes.subarray(from, end)], { objectMode: false }),
  };
}
