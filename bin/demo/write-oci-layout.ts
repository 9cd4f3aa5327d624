import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hexOf } from '../../src/core/digest.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { composedBlobs, type ComposedImage, type ComposedIndex } from './compose-image.ts';

/** An image or index under its fully qualified name. */
export interface NamedImage {
  readonly reference: string;
  readonly image: ComposedImage | ComposedIndex;
}

/** Writes composed images as an OCI image layout folder, each under its full name. */
export async function writeOciLayout(dir: string, images: readonly NamedImage[]): Promise<void> {
  const blobDir = path.join(dir, 'blobs', 'sha256');
  await mkdir(blobDir, { recursive: true });
  for (const { image } of images) {
    for (const { descriptor, bytes } of composedBlobs(image)) {
      await writeFile(path.join(blobDir, hexOf(descriptor.digest)), bytes);
    }
  }
  const manifests = images.map(({ reference, image }) => ({
    ...('index' in image ? image.index : image.manifest).descriptor,
    annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference },
  }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  await writeFile(path.join(dir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(path.join(dir, 'index.json'), JSON.stringify(index));
}
