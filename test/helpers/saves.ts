import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { composedBlobs, type ComposedImage, type ComposedLayer } from '../../bin/demo/compose-image.ts';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import type { Descriptor } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { TarMember } from './tar-file.ts';

/** An image as an engine or a file has it. */
export interface Named {
  readonly name: string;
  readonly image: ComposedImage;
}

/** What programs write that cannot be run here: from their sources and from saves that were looked at. */
export const dialects = {
  'Docker before 25': docker24,
  'Docker 25 and later': docker25,
  "Docker's containerd store": containerd,
  'Podman and skopeo': podman,
  'Podman, oci-archive': ociArchive,
  crane,
  regctl,
} as const;

type Members = (images: readonly Named[]) => TarMember[];

/** `docker save` of the classic store: a folder per layer, a link for a layer that was there before. */
export function docker24(images: readonly Named[]): TarMember[] {
  const members: TarMember[] = [];
  const byDiffId = new Map<string, string>();
  const entries = images.map(({ name, image }, at) => {
    const paths = image.layers.map((layer, index) => {
      const id = createHash('sha256').update(`${at} ${index}`).digest('hex');
      const before = byDiffId.get(layer.diffId);
      const tar = `${id}/layer.tar`;
      byDiffId.set(layer.diffId, before ?? tar);
      members.push(
        { name: `${id}/`, type: 'Directory' },
        { name: `${id}/VERSION`, content: '1.0' },
        { name: `${id}/json`, content: JSON.stringify({ id }) },
        before === undefined
          ? { name: tar, content: plain(layer) }
          : { name: tar, type: 'SymbolicLink', target: `../${before}` },
      );
      return tar;
    });
    const config = `${hexOf(image.config.descriptor.digest)}.json`;
    members.push({ name: config, content: image.config.bytes });
    return { Config: config, RepoTags: [short(name)], Layers: paths };
  });
  const repositories = { name: 'repositories', content: '{}' };
  return unique([...members, json('manifest.json', entries), repositories]);
}

/** Docker 25 with the classic store: an OCI layout too, made for the save, its layers not compressed. */
export function docker25(
  images: readonly Named[],
  editManifest = (manifest: object): object => manifest,
): TarMember[] {
  const members: TarMember[] = [];
  const index: object[] = [];
  const entries = images.map(({ name, image }) => {
    const layers = image.layers.map((layer) => ({
      mediaType: mediaTypes.ociLayer,
      digest: layer.diffId,
      size: plain(layer).length,
    }));
    const { digest, size } = image.config.descriptor;
    const config = { mediaType: mediaTypes.ociConfig, digest, size };
    const manifest = Buffer.from(
      JSON.stringify(editManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers })),
    );
    members.push(
      blob(manifest),
      blob(image.config.bytes),
      ...image.layers.map((layer) => blob(plain(layer))),
    );
    const tag = name.slice(name.lastIndexOf(':') + 1);
    index.push(indexEntry(descriptor(mediaTypes.ociManifest, manifest), name, tag));
    return {
      Config: `blobs/sha256/${hexOf(digest)}`,
      RepoTags: [short(name)],
      Layers: image.layers.map(({ diffId }) => `blobs/sha256/${hexOf(diffId)}`),
      LayerSources: {},
    };
  });
  return unique([...folders, ...members, ...layoutOf(index), json('manifest.json', entries)]);
}

/** The containerd store: an index with an attestation, blobs as in the registry, entries sorted by name. */
export function containerd(images: readonly Named[]): TarMember[] {
  const members: TarMember[] = [];
  const index = images.map(({ name, image }) => {
    const { descriptor: manifest } = image.manifest;
    const statement = Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}');
    const unknown = { os: 'unknown', architecture: 'unknown' };
    const config = Buffer.from(
      JSON.stringify({ ...unknown, rootfs: { type: 'layers', diff_ids: [digestOf(statement)] } }),
    );
    const attestation = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: descriptor(mediaTypes.ociConfig, config),
        layers: [descriptor('application/vnd.in-toto+json', statement)],
      }),
    );
    const platforms = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [
          { ...manifest, platform: image.platform },
          // The manifest of a platform that was not pulled.
          { ...manifest, digest: digestOf('other'), platform: { os: 'linux', architecture: 's390x' } },
          { ...descriptor(mediaTypes.ociManifest, attestation), platform: unknown },
        ],
      }),
    );
    members.push(...composedBlobs(image).map(({ bytes }) => blob(bytes)));
    members.push(...[statement, config, attestation, platforms].map(blob));
    return indexEntry(descriptor(mediaTypes.ociIndex, platforms), name, 'latest');
  });
  return unique([
    ...folders,
    ...members,
    ...layoutOf(index),
    json('manifest.json', images.map(blobEntry)),
  ]).sort((one, two) => (one.name < two.name ? -1 : 1));
}

/** Podman and skopeo, docker-archive: layers by diff ID, and links for readers of old. */
export function podman(images: readonly Named[]): TarMember[] {
  const members: TarMember[] = [];
  const entries = images.map(({ name, image }, at) => {
    const config = `${hexOf(image.config.descriptor.digest)}.json`;
    const tars = image.layers.map((layer, index) => {
      const tar = `${hexOf(layer.diffId)}.tar`;
      const id = createHash('sha256').update(`${at} ${index}`).digest('hex');
      members.push(
        { name: tar, content: plain(layer) },
        { name: `${id}/VERSION`, content: '1.0' },
        { name: `${id}/layer.tar`, type: 'SymbolicLink', target: `../${tar}` },
        { name: `${id}/json`, content: JSON.stringify({ id }) },
      );
      return tar;
    });
    members.push({ name: config, content: image.config.bytes });
    return { Config: config, RepoTags: [name], Layers: tars };
  });
  return unique([...members, { name: 'repositories', content: '{}' }, json('manifest.json', entries)]);
}

export function ociArchive(images: readonly Named[]): TarMember[] {
  const blobs = images.flatMap(({ image }) => composedBlobs(image).map(({ bytes }) => blob(bytes)));
  const index = images.map(({ name, image }) => ({
    ...image.manifest.descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  return unique([...blobs, ...layoutOf(index)]);
}

export function crane(images: readonly Named[]): TarMember[] {
  const members: TarMember[] = [];
  const entries = images.map(({ name, image }) => {
    const config = image.config.descriptor.digest;
    const tars = image.layers.map((layer) => {
      const tar = `${hexOf(layer.descriptor.digest)}.tar.gz`;
      members.push({ name: tar, content: layer.bytes });
      return tar;
    });
    members.push({ name: config, content: image.config.bytes });
    return { Config: config, RepoTags: [short(name)], Layers: tars };
  });
  return unique([...members, json('manifest.json', entries)]);
}

/** regctl image export: the hybrid, its documents first. */
export function regctl(images: readonly Named[]): TarMember[] {
  const blobs = images.flatMap(({ image }) => composedBlobs(image).map(({ bytes }) => blob(bytes)));
  const index = images.map(({ name, image }) => indexEntry(image.manifest.descriptor, name, name));
  return unique([...layoutOf(index), json('manifest.json', images.map(blobEntry)), ...blobs]);
}

const folders: readonly TarMember[] = [
  { name: 'blobs/', type: 'Directory' },
  { name: 'blobs/sha256/', type: 'Directory' },
];

/** A blob under the name that its content gives it. */
export function blob(bytes: Buffer): TarMember {
  return { name: `blobs/sha256/${hexOf(digestOf(bytes))}`, content: bytes };
}

export function json(name: string, value: unknown): TarMember {
  return { name, content: JSON.stringify(value) };
}

export function layoutOf(manifests: readonly object[]): TarMember[] {
  return [
    json('oci-layout', { imageLayoutVersion: '1.0.0' }),
    json('index.json', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  ];
}

export function indexEntry(of: Descriptor, name: string, tag: string): object {
  return {
    ...of,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag },
  };
}

export function blobEntry({ name, image }: Named): object {
  return {
    Config: `blobs/sha256/${hexOf(image.config.descriptor.digest)}`,
    RepoTags: [short(name)],
    Layers: image.layers.map((layer) => `blobs/sha256/${hexOf(layer.descriptor.digest)}`),
  };
}

function descriptor(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function plain(layer: ComposedLayer): Buffer {
  return gunzipSync(layer.bytes);
}

/** As Docker writes names of Docker Hub. */
function short(name: string): string {
  return name.replace(/^docker\.io\/(library\/)?/, '');
}

function unique(members: readonly TarMember[]): TarMember[] {
  return [...new Map(members.map((member) => [member.name, member])).values()];
}

export type { Members };
