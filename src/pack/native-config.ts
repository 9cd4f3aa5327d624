import { PackferryError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { nativeConfigSchema, type NativeConfig } from '../schema/pack.ts';
import type { NativeImage } from './native-images.ts';
import { readVendorList } from './vendor-list.ts';

const prefix = 'native:';

/** Reads `docker_native_image_config.json`. Throws `E_MANIFEST_INVALID`. */
export async function readNativeConfig(file: string): Promise<NativeConfig> {
  return readVendorList(file, nativeConfigSchema);
}

/**
 * The native image of a version such as `8.8`, or of another name that the file knows, such as `ga`. Throws
 * `E_MANIFEST_INVALID` when the file does not know it, or knows no image for it.
 */
export function nativeImageOf(config: NativeConfig, version: string): NativeImage {
  const asked = prefix + version;
  const key = config.flags_versions_mapping?.[asked] ?? asked;
  const image = config.native_images[key];
  if (image === undefined) throw unknownVersion(config, version);
  if (typeof image.docker_ref !== 'string' || image.docker_ref === '') {
    throw new PackferryError('E_MANIFEST_INVALID', `${key} has no image: it is not released`, {
      hint: knownVersions(config),
    });
  }
  const ignored = (config.ignored_content_items ?? []).filter((item) =>
    item.ignored_native_images.includes(key),
  );
  return {
    version: key.slice(prefix.length),
    reference: image.docker_ref,
    supported: new Set(image.supported_docker_images),
    ignoredItems: new Set(ignored.map(({ id }) => id)),
  };
}

function unknownVersion(config: NativeConfig, version: string): PackferryError {
  const near = nearestName(version, versionsOf(config));
  const guess = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
  return new PackferryError(
    'E_MANIFEST_INVALID',
    `no native image of version ${JSON.stringify(version)}${guess}`,
    {
      hint: knownVersions(config),
    },
  );
}

function knownVersions(config: NativeConfig): string {
  return `Released in the file: ${versionsOf(config).join(', ')}.`;
}

function versionsOf({ native_images: images }: NativeConfig): string[] {
  return Object.entries(images)
    .filter(([, { docker_ref: reference }]) => typeof reference === 'string' && reference !== '')
    .map(([key]) => (key.startsWith(prefix) ? key.slice(prefix.length) : key));
}
