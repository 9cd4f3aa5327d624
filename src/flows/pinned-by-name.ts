import { PackferryError } from '../core/errors.ts';
import type { ImageSource } from '../core/ports.ts';
import type { ImageReference } from '../core/reference.ts';

/**
 * A source that forgets the manifests of its images, as engines do that unpack them: an image with a tag and a digest is
 * also found by its tag, when what it becomes there has this very digest. So a lock of it can be kept.
 */
export function pinnedByName(source: ImageSource): ImageSource {
  return {
    name: source.name,
    async resolve(reference, platform, signal) {
      try {
        return await source.resolve(reference, platform, signal);
      } catch (fault) {
        const isGone = fault instanceof PackferryError && fault.code === 'E_IMAGE_NOT_FOUND';
        if (!isGone || reference.tag === undefined || reference.digest === undefined) throw fault;
        const image = await source.resolve(withoutDigest(reference), platform, signal);
        if (image.manifest.digest === reference.digest) return image;
        throw fault;
      }
    },
    ...(source.listImages === undefined
      ? {}
      : { listImages: () => source.listImages?.() ?? Promise.resolve([]) }),
    ...(source.unpacked === undefined ? {} : { unpacked: source.unpacked }),
    openBlob: (image, blob, options) => source.openBlob(image, blob, options),
    close: () => source.close(),
  };
}

function withoutDigest({ registry, repository, tag, written }: ImageReference): ImageReference {
  return { registry, repository, ...(tag === undefined ? {} : { tag }), written };
}
