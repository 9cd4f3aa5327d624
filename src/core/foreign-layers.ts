import { PackferryError } from './errors.ts';
import type { Descriptor } from './image.ts';
import { isForeignLayerType } from './media-types.ts';

/** What a manifest says of a layer; `urls` where its bytes are kept elsewhere (OCI image specification, descriptors). */
export interface WrittenLayer extends Descriptor {
  readonly urls?: readonly string[] | null | undefined;
}

/** Throws `E_LAYER_FOREIGN` for a layer that is not kept with its image, by its type or by its URLs. */
export function refuseForeignLayers(layers: readonly WrittenLayer[], name: string): void {
  const foreign = layers.find(
    ({ mediaType, urls }) => isForeignLayerType(mediaType) || (urls ?? []).length > 0,
  );
  if (foreign === undefined) return;
  throw new PackferryError('E_LAYER_FOREIGN', `${name}: layer ${foreign.digest} is not kept with the image`, {
    hint: 'Layers of this kind (Windows base layers) may not be carried. Leave the image out.',
  });
}
