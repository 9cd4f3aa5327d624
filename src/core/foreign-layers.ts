import { PackferryError } from './errors.ts';
import type { Descriptor } from './image.ts';
import { isForeignLayerType } from './media-types.ts';

/** What a manifest says of a layer; `urls` where its bytes are kept elsewhere (OCI image specification, descriptors). */
export interface WrittenLayer extends Pick<Descriptor, 'mediaType'> {
  readonly digest: string;
  readonly urls?: readonly string[] | null | undefined;
}

/** Those of the layers that are not kept with their image, by their type or by their URLs. */
export function foreignLayers<T extends WrittenLayer>(layers: readonly T[]): readonly T[] {
  return layers.filter(({ mediaType, urls }) => isForeignLayerType(mediaType) || (urls ?? []).length > 0);
}

/** Throws `E_LAYER_FOREIGN` for a layer that is not kept with its image. */
export function refuseForeignLayers(layers: readonly WrittenLayer[], name: string): void {
  const [foreign] = foreignLayers(layers);
  if (foreign === undefined) return;
  throw new PackferryError('E_LAYER_FOREIGN', `${name}: layer ${foreign.digest} is not kept with the image`, {
    hint: 'Layers of this kind (Windows base layers) may not be carried. Leave the image out.',
  });
}
