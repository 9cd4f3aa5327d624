import { defaultPlatform, type Platform } from '../core/platform.ts';
import type { ImageReference } from '../core/reference.ts';
import type { Position } from '../core/yaml.ts';
import type { Policy } from '../pack/policy.ts';
import type { DependencyMode } from '../pack/marketplace/follow.ts';
import { parseOrganization } from '../pack/policy-organizations.ts';
import type { SourceEndpoint } from './source-endpoint.ts';

/** A text of a manifest, and where it stands. */
export interface ManifestText extends Position {
  readonly text: string;
}

/** An image that the manifest itself asks for, and where. */
export interface ManifestImage extends Position {
  readonly reference: ImageReference;
  /** The base name of the manifest. */
  readonly file: string;
  /** Where it is taken from instead of its own registry: the first of these that has it. */
  readonly from?: readonly SourceEndpoint[];
}

/** Where images come from that something else asks for, by a pattern of their names. Adds no image. */
export interface ManifestOrigin extends Position {
  readonly pattern: string;
  readonly from: readonly SourceEndpoint[];
}

export interface RegistrySettings {
  /** Host, with port and path prefix where needed, that takes the place of the registry. */
  readonly location?: string;
  /** Hosts, with port and path prefix where needed, that are asked first, in this order. */
  readonly mirrors: readonly string[];
  /** Absent: HTTP only to loopback addresses. */
  readonly plainHttp?: boolean;
  /** Absolute. */
  readonly caFile?: ManifestText;
  readonly client?: { readonly cert: ManifestText; readonly key: ManifestText };
}

/** A pack of the marketplace that the manifest asks for, and where. */
export interface ManifestMarketplacePack extends Position {
  /** Its id, or its name in the marketplace. */
  readonly pack: string;
  /** An exact version, or `*`. */
  readonly version: string;
  readonly dependencies: DependencyMode;
}

/** An `xsoar_config.json`, absolute. */
export interface ManifestXsoarConfig extends ManifestText {
  /** For its packs of the marketplace. */
  readonly dependencies: DependencyMode;
}

/** Where packs of the marketplace come from. */
export interface MarketplaceSettings {
  /** Absent: the public marketplace. */
  readonly url?: string;
  /** Absolute. */
  readonly caFile?: ManifestText;
}

/** Which images of the packs are wanted besides those that items name as theirs. */
export interface Include {
  readonly defaultImages: boolean;
  readonly testPlaybooks: boolean;
  readonly alternatives: boolean;
  /** Versions of the native image, e.g. `8.8`. */
  readonly native: readonly ManifestText[];
  /** The vendor's file on native images, absolute; there whenever `native` is not empty. */
  readonly nativeConfig?: ManifestText;
}

/** An export manifest with every default filled in and every path absolute. */
export interface ExportManifest {
  /** As it was given; empty when packs were given instead of a manifest. */
  readonly path: string;
  readonly name: string;
  /** Paths, or patterns that stand for several. */
  readonly packs: readonly ManifestText[];
  readonly marketplacePacks: readonly ManifestMarketplacePack[];
  readonly xsoarConfigs: readonly ManifestXsoarConfig[];
  readonly marketplace: MarketplaceSettings;
  readonly images: readonly ManifestImage[];
  /** In the order of the file: the first pattern that names an image counts. */
  readonly origins: readonly ManifestOrigin[];
  /** Patterns of images that are left out. */
  readonly exclude: readonly ManifestText[];
  readonly platform: Platform;
  readonly include: Include;
  readonly policy: Policy;
  /** The vendor's list of deprecated images, absolute. */
  readonly deprecatedImages?: ManifestText;
  /** By registry host, as parsed references have it, or by host and path. */
  readonly registries: ReadonlyMap<string, RegistrySettings>;
  /** Largest archive, in bytes. */
  readonly volumeSize: number;
  /** Seconds after which a bundle is not to be imported any more; absent: never. */
  readonly expiresAfter?: number;
  /** The sites that may import the bundle; absent: all. */
  readonly audience?: readonly string[];
  /** What the bundle asks for where names stand for other images; absent: nothing. */
  readonly onExisting?: 'keep' | 'retag';
  /** Carry the packs that are built zips too. */
  readonly carriesPacks: boolean;
  /** Carry the self-contained importer too. */
  readonly carriesImporter: boolean;
  readonly keys: readonly string[];
}

/** 4 GiB - 1 byte, the largest file of FAT32. */
export const defaultVolumeSize = 2 ** 32 - 1;

/** The policy of a manifest that says nothing about it. */
export const defaultPolicy: Policy = {
  organizations: ['demisto', 'demistoextended'].flatMap(parseOrganization),
  thirdParty: 'warn',
  latest: 'warn',
  deprecated: 'warn',
  zstd: 'warn',
  witness: 'ignore',
};

/** A manifest that asks for nothing. */
export const emptyManifest: ExportManifest = {
  path: '',
  name: 'content',
  packs: [],
  marketplacePacks: [],
  xsoarConfigs: [],
  marketplace: {},
  images: [],
  origins: [],
  exclude: [],
  platform: defaultPlatform,
  include: { defaultImages: true, testPlaybooks: false, alternatives: false, native: [] },
  policy: defaultPolicy,
  registries: new Map(),
  volumeSize: defaultVolumeSize,
  carriesPacks: false,
  carriesImporter: false,
  keys: [],
};

/** `FILE:LINE:COLUMN: `, for messages on what a manifest asks for; empty for what the command line named. */
export function placeIn({ path }: Pick<ExportManifest, 'path'>, { line, column }: Position): string {
  return path === '' ? '' : `${path}:${line}:${column}: `;
}
