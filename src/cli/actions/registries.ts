import { messageOf, PackferryError } from '../../core/errors.ts';
import { isRegistryHost } from '../../core/reference.ts';
import { parseRewrite } from '../../flows/load-manifest-registries.ts';
import { placeIn, type ExportManifest, type ManifestText } from '../../flows/manifest.ts';
import { storedCredentials } from '../../registry/credentials/stored.ts';
import type { ClientCertificate, RegistrySettings, RegistrySourceOptions } from '../../registry/options.ts';
import { readCertificates, readKeyFor } from '../certificate-file.ts';
import { documentFolderOf } from '../context.ts';
import {
  authFilesOf,
  certificateFoldersOf,
  networkOf,
  type NetworkOptions,
  type RegistryOptions,
} from '../network.ts';
import type { Session } from '../session.ts';

/** A manifest, as far as registries are concerned. */
export type RegistriesOfManifest = Pick<ExportManifest, 'registries' | 'path'>;

type Client = Readonly<Record<'cert' | 'key', ManifestText>>;

/** Everything that the command line, the environment and a manifest say of registries. */
export async function registrySourceOptions(
  session: Session,
  manifest: RegistriesOfManifest,
  options: NetworkOptions,
): Promise<RegistrySourceOptions> {
  const { context, emit, signal } = session;
  const { name, version } = context.tool;
  const environment = context.env;
  return {
    ...(await networkOf(context, options)),
    registries: withOptions(await settingsOf(manifest), options),
    credentials: storedCredentials(authFilesOf(context, options), { environment, signal }),
    certificateFolders: certificateFoldersOf(context),
    userAgent: `${name}/${version}`,
    documentFolder: documentFolderOf(context),
    // More would stand idle; with one, a token could not be asked for while a blob comes from the same host.
    ...(options.jobs === undefined ? {} : { connectionsPerHost: Math.max(2, options.jobs) }),
    emit,
  };
}

async function settingsOf(manifest: RegistriesOfManifest): Promise<Map<string, RegistrySettings>> {
  const registries = new Map<string, RegistrySettings>();
  const code = 'E_MANIFEST_INVALID';
  const at = (place: ManifestText, key: string): string => `${placeIn(manifest, place)}${key}`;
  const readClient = async ({ cert, key }: Client): Promise<ClientCertificate> => {
    const certificate = await readCertificates(cert.text, at(cert, 'clientCert'), code);
    return { cert: certificate, key: await readKeyFor(certificate, key.text, at(key, 'clientKey'), code) };
  };
  for (const [host, { caFile, client, ...settings }] of manifest.registries) {
    registries.set(host, {
      ...settings,
      ...(caFile === undefined
        ? {}
        : { ca: await readCertificates(caFile.text, at(caFile, 'caFile'), code) }),
      ...(client === undefined ? {} : { client: await readClient(client) }),
    });
  }
  return registries;
}

/** What the command line says wins over the manifest. Throws `E_USAGE`. */
export function withOptions(
  registries: ReadonlyMap<string, RegistrySettings>,
  { rewrite = [], plainHttp = [] }: Pick<RegistryOptions, 'rewrite' | 'plainHttp'>,
): Map<string, RegistrySettings> {
  const changed = new Map(registries);
  for (const text of rewrite) {
    const { from, to } = usage('--rewrite', () => parseRewrite(text));
    // Mirrors are places for the images of the old location.
    changed.set(from, { ...changed.get(from), mirrors: [], location: to });
  }
  for (const host of plainHttp) {
    if (!isRegistryHost(host)) {
      throw new PackferryError('E_USAGE', `--plain-http: ${JSON.stringify(host)} is no registry host`, {
        hint: 'Write it as HOST[:PORT], for instance registry.example:5000.',
      });
    }
    changed.set(host, { ...changed.get(host), plainHttp: true });
  }
  return changed;
}

function usage<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const hint = cause instanceof PackferryError ? cause.hint : undefined;
    throw new PackferryError('E_USAGE', `${option}: ${messageOf(cause)}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
