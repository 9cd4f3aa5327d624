import type { ImageSource } from '../core/ports.ts';

/** A source whose blobs, and saves, are opened in another way. All else stays. */
export function withBlobs(
  source: ImageSource,
  openBlob: ImageSource['openBlob'],
  unpacked: ImageSource['unpacked'] = source.unpacked,
): ImageSource {
  return {
    name: source.name,
    resolve: (reference, platform, signal) => source.resolve(reference, platform, signal),
    openBlob,
    ...(unpacked === undefined ? {} : { unpacked }),
    ...(source.splits === undefined ? {} : { splits: (image) => source.splits?.(image) ?? false }),
    ...(source.placeOf === undefined ? {} : { placeOf: (image, blob) => source.placeOf?.(image, blob) }),
    ...(source.isNear === undefined ? {} : { isNear: source.isNear }),
    close: () => source.close(),
  };
}
