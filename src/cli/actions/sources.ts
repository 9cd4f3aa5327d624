import path from 'node:path';
import type { ImageSource } from '../../core/ports.ts';
import type { ExportManifest } from '../../flows/manifest.ts';
import { withOrigins } from '../../flows/origins.ts';
import type { SelectOptions } from '../../flows/selection.ts';
import { openRegistrySource } from '../../registry/source.ts';
import type { TagSource } from '../../registry/tags.ts';
import { cacheFolderOf } from '../context.ts';
import { networkOf, type RegistryOptions } from '../network.ts';
import type { Session } from '../session.ts';
import { registrySourceOptions, type RegistriesOfManifest } from './registries.ts';

/** What `select` needs of the world. Downloads from a marketplace are kept in the user's cache folder. */
export async function selecting(session: Session, options: RegistryOptions = {}): Promise<SelectOptions> {
  const { context, emit, signal } = session;
  const { home, tool } = context;
  const cacheDir = path.join(cacheFolderOf(context), 'marketplace');
  const network = await networkOf(context, options);
  return { home, cacheDir, userAgent: `${tool.name}/${tool.version}`, network, emit, signal };
}

/** Runs with the registries that a manifest describes as the source of images, and closes them afterwards. */
export async function withRegistries<T>(
  session: Session,
  manifest: RegistriesOfManifest,
  options: RegistryOptions,
  use: (source: ImageSource & TagSource) => Promise<T>,
): Promise<T> {
  const source = openRegistrySource(await registrySourceOptions(session, manifest, options));
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** The same with a whole manifest: images that it takes from elsewhere come from there. */
export async function withManifestSource<T>(
  session: Session,
  manifest: ExportManifest,
  options: RegistryOptions,
  use: (source: ImageSource) => Promise<T>,
): Promise<T> {
  return withRegistries(session, manifest, options, (source) => use(withOrigins(source, manifest.images)));
}
