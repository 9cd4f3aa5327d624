import path from 'node:path';
import { parseDuration } from '../core/duration.ts';
import { parsePlatform } from '../core/platform.ts';
import { parseReference } from '../core/reference.ts';
import { parseSize } from '../core/size.ts';
import type { Position, YamlFile, YamlPath } from '../core/yaml.ts';
import { anyVersion } from '../pack/marketplace/find-version.ts';
import { parseOrganization } from '../pack/policy-organizations.ts';
import type { Policy } from '../pack/policy.ts';
import { exportManifestSchema, type ExportManifestDocument } from '../schema/export-manifest.ts';
import { resolvePath, type Bases } from './load-manifest-paths.ts';
import { parseRegistryKey } from './load-manifest-registries.ts';
import {
  defaultPolicy,
  defaultVolumeSize,
  emptyManifest,
  type ExportManifest,
  type Include,
  type ManifestImage,
  type ManifestOrigin,
  type ManifestText,
} from './manifest.ts';
import { parseSource, type SourceEndpoint } from './source-endpoint.ts';

/** The manifest of a file without mistakes: defaults filled in, paths absolute. */
export function resolveManifest(file: YamlFile, bases: Bases): ExportManifest {
  const document = exportManifestSchema.parse(file.value);
  const { packs = [], exclude = [], bundle = {}, policy = {} } = document;
  const asPath = (written: string): string => resolvePath(written, bases);
  const textAt = (at: YamlPath, text: string): ManifestText => ({ text, ...file.locate(at) });
  const pathAt = (at: YamlPath, written: string): ManifestText => textAt(at, asPath(written));
  const { deprecatedImages } = policy;
  const { url: marketplaceUrl, caFile } = document.marketplace ?? {};
  return {
    path: file.name,
    name: document.name,
    packs: packs.flatMap((pack, index) =>
      'path' in pack ? [pathAt(['packs', index, 'path'], pack.path)] : [],
    ),
    marketplacePacks: packs.flatMap((pack, index) => {
      if (!('marketplace' in pack)) return [];
      const { marketplace, version = anyVersion, dependencies = 'mandatory' } = pack;
      return [{ pack: marketplace, version, dependencies, ...file.locate(['packs', index, 'marketplace']) }];
    }),
    xsoarConfigs: packs.flatMap((pack, index) => {
      if (!('xsoarConfig' in pack)) return [];
      const { xsoarConfig, dependencies = 'mandatory' } = pack;
      return [{ ...pathAt(['packs', index, 'xsoarConfig'], xsoarConfig), dependencies }];
    }),
    marketplace: {
      ...(marketplaceUrl === undefined ? {} : { url: marketplaceUrl }),
      ...(caFile === undefined ? {} : { caFile: pathAt(['marketplace', 'caFile'], caFile) }),
    },
    ...imagesOf(file, document, asPath),
    exclude: exclude.map((pattern, index) => textAt(['exclude', index], pattern)),
    platform: document.platform === undefined ? emptyManifest.platform : parsePlatform(document.platform),
    include: includeOf(document, textAt, pathAt),
    policy: policyOf(document),
    ...(deprecatedImages === undefined
      ? {}
      : { deprecatedImages: pathAt(['policy', 'deprecatedImages'], deprecatedImages) }),
    registries: registriesOf(document, pathAt),
    volumeSize: parseSize(bundle.volumeSize ?? defaultVolumeSize),
    ...(bundle.expiresAfter === undefined ? {} : { expiresAfter: parseDuration(bundle.expiresAfter) }),
    ...(bundle.audience === undefined ? {} : { audience: [...new Set(bundle.audience)] }),
    ...(bundle.onExisting === undefined || bundle.onExisting === 'error'
      ? {}
      : { onExisting: bundle.onExisting }),
    carriesPacks: bundle.packs ?? false,
    carriesImporter: (bundle.importer ?? []).length > 0,
    keys: (document.sign?.keys ?? []).map(asPath),
  };
}

function imagesOf(
  file: YamlFile,
  { images = [] }: ExportManifestDocument,
  asPath: (written: string) => string,
): Pick<ExportManifest, 'images' | 'origins'> {
  const chain = (from: string | readonly string[]): SourceEndpoint[] =>
    [from].flat().map((url) => parseSource(url, asPath));
  const wanted: ManifestImage[] = [];
  const origins: ManifestOrigin[] = [];
  images.forEach((image, index) => {
    const at = (key: string): Position => file.locate(['images', index, key]);
    const base = { file: path.basename(file.name) };
    if (typeof image === 'string') {
      wanted.push({ ...base, reference: parseReference(image), ...file.locate(['images', index]) });
    } else if ('pattern' in image) {
      origins.push({ pattern: image.pattern, from: chain(image.from), ...at('pattern') });
    } else {
      const { reference, from } = image;
      const origin = from === undefined ? {} : { from: chain(from) };
      wanted.push({ ...base, reference: parseReference(reference), ...at('reference'), ...origin });
    }
  });
  return { images: wanted, origins };
}

function registriesOf(
  { registries = {} }: ExportManifestDocument,
  pathAt: Place,
): ExportManifest['registries'] {
  const entries = Object.entries(registries).map(([host, settings]) => {
    const { mirrors = [], caFile, clientCert, clientKey, ...rest } = settings;
    const fileAt = (key: string, written: string): ManifestText => pathAt(['registries', host, key], written);
    return [
      parseRegistryKey(host),
      {
        ...rest,
        mirrors,
        ...(caFile === undefined ? {} : { caFile: fileAt('caFile', caFile) }),
        ...(clientCert === undefined || clientKey === undefined
          ? {}
          : {
              client: { cert: fileAt('clientCert', clientCert), key: fileAt('clientKey', clientKey) },
            }),
      },
    ] as const;
  });
  return new Map(entries);
}

type Place = (at: YamlPath, text: string) => ManifestText;

function includeOf({ include = {} }: ExportManifestDocument, textAt: Place, pathAt: Place): Include {
  const { native = [], nativeConfig, ...rest } = include;
  return {
    ...emptyManifest.include,
    ...rest,
    native: native.map((version, index) => textAt(['include', 'native', index], version)),
    ...(nativeConfig === undefined
      ? {}
      : { nativeConfig: pathAt(['include', 'nativeConfig'], nativeConfig) }),
  };
}

function policyOf({ policy = {} }: ExportManifestDocument): Policy {
  const { organizations, thirdParty, latest, deprecated, zstd, witness } = policy;
  return {
    organizations: organizations?.flatMap(parseOrganization) ?? defaultPolicy.organizations,
    thirdParty: thirdParty ?? defaultPolicy.thirdParty,
    latest: latest ?? defaultPolicy.latest,
    deprecated: deprecated ?? defaultPolicy.deprecated,
    zstd: zstd ?? defaultPolicy.zstd,
    witness: witness ?? defaultPolicy.witness,
  };
}
