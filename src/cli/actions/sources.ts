import path from 'node:path';
import type { ImageSource } from '../../core/ports.ts';
import type { ExportManifest } from '../../flows/manifest.ts';
import { openManifestSource, type ManifestSource } from '../../flows/origins.ts';
import type { SelectOptions } from '../../flows/selection.ts';
import { readPlace } from '../../registry/credentials/stored.ts';
import { openRegistrySource, type PullCounts } from '../../registry/source.ts';
import type { TagSource } from '../../registry/tags.ts';
import { cacheFolderOf } from '../context.ts';
import { trustedKeys } from '../keys.ts';
import { networkOf, type NetworkOptions, type RegistryOptions } from '../network.ts';
import type { PatienceOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { registrySourceOptions, type RegistriesOfManifest } from './registries.ts';

/** What `select` needs of the world. Downloads from a marketplace are kept in the user's cache folder. */
export async function selecting(session: Session, options: NetworkOptions = {}): Promise<SelectOptions> {
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
  options: NetworkOptions,
  use: (source: ImageSource & TagSource & PullCounts) => Promise<T>,
): Promise<T> {
  // What is named for this run is read now: its fault is not one of every image.
  if (options.authfile !== undefined) await readPlace({ file: options.authfile, named: true });
  const source = openRegistrySource(await registrySourceOptions(session, manifest, options));
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** Options of commands that take images from where a manifest says. */
export interface SourceOptions extends PatienceOptions, RegistryOptions, SshOptions {
  /** The file of keys whose bundles are believed. */
  readonly trustedKeys?: string;
}

/** The same with a whole manifest: images that it takes from elsewhere come from there. */
export async function withManifestSource<T>(
  session: Session,
  manifest: ExportManifest,
  options: SourceOptions,
  use: (source: ManifestSource, registries: PullCounts) => Promise<T>,
): Promise<T> {
  const { context, emit, signal } = session;
  const open = async (registries: ImageSource & TagSource & PullCounts): Promise<T> => {
    const source = openManifestSource(manifest, {
      ...{ registries, emit, signal },
      environment: context.env,
      ssh: sshAccess(session, options),
      spoolDir: path.join(cacheFolderOf(context), 'spool'),
      trustedKeys: () => trustedKeys(context, options, emit),
      now: context.now,
    });
    try {
      return await use(source, registries);
    } finally {
      await source.close();
    }
  };
  return withRegistries(session, manifest, options, open);
}
