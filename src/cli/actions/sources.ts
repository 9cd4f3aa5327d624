import path from 'node:path';
import { messageOf, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ImageSource } from '../../core/ports.ts';
import type { ExportManifest } from '../../flows/manifest.ts';
import { readFile } from '../../pack/read-file.ts';
import { openManifestSource, type ManifestSource } from '../../flows/origins.ts';
import type { RegistrySettings, RegistrySourceOptions } from '../../registry/options.ts';
import type { SelectOptions } from '../../flows/selection.ts';
import { openRegistrySource, type PullCounts } from '../../registry/source.ts';
import type { TagSource } from '../../registry/tags.ts';
import { cacheFolderOf } from '../context.ts';
import { trustedKeys } from '../keys.ts';
import type { PatienceOptions } from '../options.ts';
import type { Session } from '../session.ts';

/** What `select` needs of the world. Downloads from a marketplace are kept in the user's cache folder. */
export function selecting({ context, emit, signal }: Session): SelectOptions {
  const { home, tool } = context;
  const cacheDir = path.join(cacheFolderOf(context), 'marketplace');
  return { home, cacheDir, userAgent: `${tool.name}/${tool.version}`, emit, signal };
}

/** Runs with the registries that a manifest describes as the source of images, and closes them afterwards. */
export async function withRegistries<T>(
  session: Session,
  manifest: Pick<ExportManifest, 'registries'>,
  use: (source: ImageSource & TagSource & PullCounts) => Promise<T>,
  patience?: PatienceOptions,
): Promise<T> {
  const { name, version } = session.context.tool;
  const registries = new Map<string, RegistrySettings>();
  for (const [host, { mirrors, plainHttp, caFile }] of manifest.registries) {
    registries.set(host, {
      mirrors,
      ...(plainHttp === undefined ? {} : { plainHttp }),
      ...(caFile === undefined ? {} : { ca: await readCa(caFile) }),
    });
  }
  const source = openRegistrySource({
    registries,
    userAgent: `${name}/${version}`,
    emit: session.emit,
    ...(patience === undefined ? {} : patienceOf(patience)),
  });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** Options of commands that take images from where a manifest says. */
export interface SourceOptions extends PatienceOptions {
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
      spoolDir: path.join(cacheFolderOf(context), 'spool'),
      trustedKeys: () => trustedKeys(context, options.trustedKeys),
      now: context.now,
    });
    try {
      return await use(source, registries);
    } finally {
      await source.close();
    }
  };
  return withRegistries(session, manifest, open, options);
}

function patienceOf({ retries, maxWait, timeout }: PatienceOptions): RegistrySourceOptions {
  const silence = timeout * 1000;
  return { retries, maxWait: maxWait * 1000, timeouts: { headers: silence, body: silence } };
}

async function readCa(file: string): Promise<string> {
  const code = 'E_MANIFEST_INVALID';
  try {
    return (await readFile(file, { code, maxBytes: limits.caFile })).toString('utf8');
  } catch (cause) {
    throw new PackferryError(code, `caFile ${messageOf(cause)}`, {
      hint: 'Name a PEM file with the certificates that the registry is to be checked against.',
      cause,
    });
  }
}
