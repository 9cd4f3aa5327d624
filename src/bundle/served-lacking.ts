import { PackferryError } from '../core/errors.ts';
import { totalSize } from '../core/image.ts';
import { formatSize } from '../core/size.ts';
import type { BundleImage } from '../schema/bundle.ts';
import { throwAll } from './faults.ts';
import type { SignedBundle } from './signed-bundle.ts';

type Bundle = Pick<SignedBundle, 'dir' | 'document'>;

/**
 * Refuses bundles that leave out layers of their images which neither they nor the lenders carry. Throws `E_BASE_MISSING`
 * with every image, its layers, and what they are said to be in.
 */
export function refuseLacking(bundles: readonly Bundle[], lenders: readonly Bundle[] = []): void {
  const carried = new Set(
    [...bundles, ...lenders].flatMap(({ document }) =>
      document.archives.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)),
    ),
  );
  const faults = bundles.flatMap((bundle) =>
    bundle.document.images.flatMap((image) => {
      const layers = image.layers.filter(({ digest }) => !carried.has(digest));
      return layers.length === 0 ? [] : [lacking(bundle, image, layers)];
    }),
  );
  throwAll(faults, { header: 'the bundles leave out layers that none of them carries' });
}

function lacking(
  { dir, document }: Bundle,
  { reference }: BundleImage,
  layers: BundleImage['layers'],
): PackferryError {
  const required = new Map(document.requires.map((blob) => [blob.digest, blob]));
  const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const listed = unique.map(({ digest, size }) => {
    const base = required.get(digest)?.base;
    return `${digest} (${formatSize(size)}${base === undefined ? '' : `, in ${base}`})`;
  });
  const what = `${dir} (${document.name} ${document.sequence}) leaves out ${formatSize(totalSize(unique))} of it`;
  const bases = [...new Set(unique.flatMap(({ digest }) => required.get(digest)?.base ?? []))];
  const which = bases.length === 0 ? 'the bundle that it was made for' : bases.join(', ');
  const message = `${reference}: ${what}, and no other bundle that is served carries that: ${listed.join(', ')}`;
  return new PackferryError('E_BASE_MISSING', message, {
    hint: `Name the folders of all bundles that have it (${which}): packferry serve ${dir} BASE.`,
  });
}
