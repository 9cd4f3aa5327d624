import { hexOf, type Digest } from '../core/digest.ts';
import type { Descriptor, LockedImage } from '../core/image.ts';
import { mediaTypes } from '../core/media-types.ts';
import { parseReference, tagNameOf } from '../core/reference.ts';

/** What an archive needs to know of an image. */
export type ArchiveImage = Pick<LockedImage, 'reference' | 'manifest' | 'config' | 'layers'>;

/** An entry of `index.json`. */
export interface IndexEntry extends Descriptor {
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An entry of the `manifest.json` that `docker save` writes: one per image, with all its names. */
export interface SaveEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/** The annotation of containerd, and that of the OCI image specification, which Podman before 4 and skopeo read. */
export const nameAnnotations = {
  containerd: 'io.containerd.image.name',
  oci: 'org.opencontainers.image.ref.name',
} as const;

/** The name of a blob inside an archive or an OCI layout folder. */
export function blobPath(blob: Pick<Descriptor, 'digest'>): string {
  return `blobs/sha256/${hexOf(blob.digest)}`;
}

/** The name that engines give the image; undefined where only a digest is known: engines keep no such name. */
export function engineNameOf(image: Pick<ArchiveImage, 'reference'>): string | undefined {
  return tagNameOf(parseReference(image.reference));
}

/** What `index.json` says of one image. */
export function indexEntry(image: Pick<ArchiveImage, 'reference' | 'manifest'>): IndexEntry {
  const name = engineNameOf(image);
  const { mediaType, digest, size } = image.manifest;
  return name === undefined ? { mediaType, digest, size } : namedEntry(image.manifest, name);
}

/** An entry of `index.json` under a name. Engines take the name as it stands, so it must be fully qualified. */
export function namedEntry({ mediaType, digest, size }: Descriptor, name: string): IndexEntry {
  const annotations = { [nameAnnotations.containerd]: name, [nameAnnotations.oci]: name };
  return { mediaType, digest, size, annotations };
}

/** `index.json`: an entry per name. */
export function indexDocument(entries: readonly IndexEntry[]): unknown {
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries };
}

/** What `manifest.json` says of one image under these names. */
export function saveEntry(
  image: Pick<ArchiveImage, 'config' | 'layers'>,
  names: readonly string[],
): SaveEntry {
  return { Config: blobPath(image.config), RepoTags: names, Layers: image.layers.map(blobPath) };
}

/** `manifest.json`: an entry per manifest, in the order of first mention. */
export function saveDocument(images: readonly ArchiveImage[]): SaveEntry[] {
  const groups = new Map<Digest, { readonly image: ArchiveImage; readonly names: string[] }>();
  for (const image of images) {
    const group = groups.get(image.manifest.digest) ?? { image, names: [] };
    const name = engineNameOf(image);
    if (name !== undefined) group.names.push(name);
    groups.set(image.manifest.digest, group);
  }
  return [...groups.values()].map(({ image, names }) => saveEntry(image, names));
}
