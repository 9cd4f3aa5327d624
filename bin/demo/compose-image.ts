import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import type { Descriptor, Layer } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { defaultPlatform, type Platform } from '../../src/core/platform.ts';

/** Content that is in memory, with the descriptor that addresses it. */
export interface ComposedBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A gzip layer; `diffId` is the digest of its tar. */
export interface ComposedLayer extends ComposedBlob {
  readonly diffId: Digest;
}

export interface ComposedImage {
  readonly manifest: ComposedBlob;
  readonly config: ComposedBlob;
  readonly layers: readonly ComposedLayer[];
  readonly platform: Platform;
  readonly settings: ImageSettings;
}

/** Images of several platforms under one digest. */
export interface ComposedIndex {
  readonly index: ComposedBlob;
  readonly images: readonly ComposedImage[];
}

/** A file of a layer. */
export interface ImageFile {
  /** Path inside the image, without a leading slash. */
  readonly path: string;
  readonly content: Buffer | string;
  /** Permission bits; 0644 when absent. */
  readonly mode?: number;
}

export interface ImageSettings {
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
}

/** Which spelling of the media types: Docker's (most images of Docker Hub) or OCI's. */
export type ImageFormat = 'docker' | 'oci';

export interface ComposeOptions {
  /** The image whose layers come first and whose settings hold where `config` names none. */
  readonly base?: Pick<ComposedImage, 'layers' | 'platform' | 'settings'>;
  readonly files: readonly ImageFile[];
  readonly config?: ImageSettings;
  /** RFC 3339 time; a fixed one when absent. */
  readonly created?: string;
  readonly platform?: Platform;
  /** Default: `docker`. */
  readonly format?: ImageFormat;
  /** A static busybox: it becomes `bin/busybox` and `bin/sh`, so that the image runs. */
  readonly busybox?: Buffer;
}

const defaultCreated = '2026-01-01T00:00:00Z';

const typesOf = {
  docker: {
    manifest: mediaTypes.dockerManifest,
    config: mediaTypes.dockerConfig,
    layer: mediaTypes.dockerLayerGzip,
    index: mediaTypes.dockerList,
  },
  oci: {
    manifest: mediaTypes.ociManifest,
    config: mediaTypes.ociConfig,
    layer: mediaTypes.ociLayerGzip,
    index: mediaTypes.ociIndex,
  },
} as const;

/** Composes an image without any engine: one new gzip layer on top of the base's. Equal options give equal bytes. */
export function composeImage(options: ComposeOptions): ComposedImage {
  const types = typesOf[options.format ?? 'docker'];
  const created = options.created ?? defaultCreated;
  const platform = options.platform ?? options.base?.platform ?? defaultPlatform;
  const layers = [...(options.base?.layers ?? []), composeLayer(options)].map((layer) => ({
    ...layer,
    descriptor: { ...layer.descriptor, mediaType: types.layer },
  }));
  const settings = settingsOf(options);
  const config = composeBlob(types.config, {
    created,
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: {
      Env: settings.env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(settings.entrypoint === undefined ? {} : { Entrypoint: settings.entrypoint }),
      ...(settings.cmd === undefined ? {} : { Cmd: settings.cmd }),
      ...(settings.user === undefined ? {} : { User: settings.user }),
      ...(settings.workingDir === undefined ? {} : { WorkingDir: settings.workingDir }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: `layer ${layer.diffId}` })),
  });
  const manifest = composeBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
  });
  return { manifest, config, layers, platform, settings };
}

/** Composes a multi-platform index over images. */
export function composeIndex(
  images: readonly ComposedImage[],
  options: { readonly format?: ImageFormat } = {},
): ComposedIndex {
  const mediaType = typesOf[options.format ?? 'docker'].index;
  const manifests = images.map((image) => ({ ...image.manifest.descriptor, platform: image.platform }));
  return { index: composeBlob(mediaType, { schemaVersion: 2, mediaType, manifests }), images };
}

/** The layers of a composed image as a lock names them. */
export function layersOf(image: ComposedImage): Layer[] {
  return image.layers.map(({ descriptor, diffId }) => ({ ...descriptor, diffId }));
}

/** Every blob of an image or index, each digest once. */
export function composedBlobs(composed: ComposedImage | ComposedIndex): ComposedBlob[] {
  const images = 'index' in composed ? composed.images : [composed];
  const all = [
    ...('index' in composed ? [composed.index] : []),
    ...images.flatMap((image) => [image.manifest, image.config, ...image.layers]),
  ];
  return [...new Map(all.map((blob) => [blob.descriptor.digest, blob])).values()];
}

function settingsOf(options: ComposeOptions): ImageSettings {
  const runnable: ImageSettings =
    options.busybox === undefined ? {} : { cmd: ['/bin/sh', '-c', 'echo packferry image runs'] };
  return { ...options.base?.settings, ...runnable, ...options.config };
}

function composeBlob(mediaType: string, value: unknown): ComposedBlob {
  const bytes = Buffer.from(JSON.stringify(value));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function composeLayer({ files, busybox }: ComposeOptions): ComposedLayer {
  const members = files.map((file) => fileMember(file));
  if (busybox !== undefined) {
    members.push(
      fileMember({ path: 'bin/busybox', content: busybox, mode: 0o755 }),
      header({ path: 'bin/sh', type: 'SymbolicLink', linkpath: 'busybox', mode: 0o777, size: 0 }),
    );
  }
  const tar = Buffer.concat([...members, Buffer.alloc(1024)]);
  const bytes = gzip(tar);
  const descriptor = { mediaType: mediaTypes.dockerLayerGzip, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes, diffId: digestOf(tar) };
}

function fileMember(file: ImageFile): Buffer {
  const content = Buffer.from(file.content);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  const mode = file.mode ?? 0o644;
  return Buffer.concat([
    header({ path: path.posix.normalize(file.path), type: 'File', mode, size: content.length }),
    content,
    padding,
  ]);
}

type Member = Pick<Header, 'path' | 'type' | 'mode' | 'size'> & { readonly linkpath?: string };

function header(member: Member): Buffer {
  const block = Buffer.alloc(512);
  const needsPax = new Header({ ...member, uid: 0, gid: 0, mtime: new Date(defaultCreated) }).encode(block);
  if (needsPax) throw new RangeError(`does not fit a plain tar header: ${member.path}`);
  return block;
}

/**
 * Gzip whose bytes are the same on every machine: stored blocks, since zlib compresses differently by version and
 * processor; no time; "unknown" as operating system (RFC 1952, 2.3.1).
 */
function gzip(content: Buffer): Buffer {
  const bytes = gzipSync(content, { level: 0 });
  bytes.writeUInt32LE(0, 4);
  bytes[9] = 255;
  return bytes;
}
