import type { ImageSource } from '../core/ports.ts';
import { formatReference, lockedNameOf, parseReference, type ImageReference } from '../core/reference.ts';
import type { ManifestImage } from './manifest.ts';

/**
 * A source that takes the images which have a `from` in the manifest from there, and only from there. They keep their
 * own names, so nothing behind this source knows the difference; digests are checked as ever.
 */
export function withOrigins(source: ImageSource, images: readonly ManifestImage[]): ImageSource {
  const origins = new Map(
    images.flatMap(({ reference, from }) => (from === undefined ? [] : [[lockedNameOf(reference), from]])),
  );
  if (origins.size === 0) return source;
  return {
    name: source.name,
    async resolve(reference, platform, signal) {
      const name = lockedNameOf(reference);
      const from = origins.get(name);
      if (from === undefined) return source.resolve(reference, platform, signal);
      return { ...(await source.resolve(movedTo(from, reference), platform, signal)), reference: name };
    },
    async openBlob(image, blob, options) {
      const from = origins.get(image.reference);
      if (from === undefined) return source.openBlob(image, blob, options);
      const moved = formatReference(movedTo(from, parseReference(image.reference)));
      return source.openBlob({ ...image, reference: moved }, blob, options);
    },
    close: () => source.close(),
  };
}

/** The same repository below another registry. Messages name both. */
function movedTo(from: string, reference: ImageReference): ImageReference {
  const { repository, tag, digest } = reference;
  const ending = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
  const moved = parseReference(`${from}/${repository}${ending}`);
  return { ...moved, written: `${reference.written} from registry://${from}` };
}
