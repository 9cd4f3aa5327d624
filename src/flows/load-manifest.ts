import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { mappingOf } from '../core/mapping.ts';
import { defaultPlatform, parsePlatform, type Platform } from '../core/platform.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';
import { parseSize } from '../core/size.ts';
import { sumUp } from '../core/sum-up.ts';
import { parseYaml, type Position, type YamlFile } from '../core/yaml.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import { nearestSibling } from '../pack/siblings.ts';
import { exportManifestSchema, exportSchemaId } from '../schema/export-manifest.ts';
import { meaningMistakes } from './load-manifest-meaning.ts';
import { errorsOf, formatPath } from './load-manifest-mistakes.ts';
import { resolvePath, type Bases } from './load-manifest-paths.ts';
import { parseRegistryHost } from './load-manifest-registries.ts';
import { schemaMistakes } from './load-manifest-schema.ts';

/** An image that the manifest itself asks for, and where. */
export interface ManifestImage extends Position {
  readonly reference: ImageReference;
  /** The base name of the manifest. */
  readonly file: string;
}

export interface RegistrySettings {
  /** Hosts, with port and path prefix where needed, that are asked first, in this order. */
  readonly mirrors: readonly string[];
  /** Absent: HTTP only to loopback addresses. */
  readonly plainHttp?: boolean;
  /** Absolute. */
  readonly caFile?: string;
}

/** An export manifest with every default filled in and every path absolute. */
export interface ExportManifest {
  /** As it was given; empty when packs were given instead of a manifest. */
  readonly path: string;
  readonly name: string;
  readonly packs: readonly string[];
  readonly images: readonly ManifestImage[];
  readonly platform: Platform;
  readonly include: { readonly defaultImages: boolean; readonly testPlaybooks: boolean };
  /** By registry host, as parsed references have it. */
  readonly registries: ReadonlyMap<string, RegistrySettings>;
  /** Largest archive, in bytes. */
  readonly volumeSize: number;
  readonly keys: readonly string[];
}

export interface LoadOptions {
  /** What `~/` stands for in paths. */
  readonly home?: string;
}

/** 4 GiB - 1 byte, the largest file of FAT32. */
export const defaultVolumeSize = 2 ** 32 - 1;

/**
 * Reads an export manifest. Throws `E_MANIFEST_UNREADABLE`, or `E_MANIFEST_INVALID` with every mistake at once in
 * `.errors`, each with file, line and column.
 */
export async function loadExportManifest(given: string, options: LoadOptions = {}): Promise<ExportManifest> {
  const file = parseYaml(await readText(given), {
    name: given,
    code: 'E_MANIFEST_INVALID',
    maxBytes: limits.exportManifest,
  });
  const bases = { folder: path.dirname(path.resolve(given)), home: options.home };
  refuseNewer(file);
  const wrongShape = schemaMistakes(exportManifestSchema, file.value);
  const places = new Set(wrongShape.map((mistake) => formatPath(mistake.path)));
  const wrongMeaning = meaningMistakes(file.value, bases).filter(
    ({ path: at }) => !places.has(formatPath(at)),
  );
  const errors = errorsOf(file, [...wrongShape, ...wrongMeaning]);
  if (errors.length > 0) throw sumUp('E_MANIFEST_INVALID', given, errors);
  return resolve(file, bases);
}

async function readText(given: string): Promise<string> {
  const code = 'E_MANIFEST_UNREADABLE';
  try {
    return decodeText(await readFile(given, { code, maxBytes: limits.exportManifest }), given, code);
  } catch (fault) {
    if (!(fault instanceof PackferryError) || fault.hint !== undefined) throw fault;
    const near = await nearestSibling(given);
    const isNear = near !== undefined && path.resolve(near) !== path.resolve(given);
    const hint = isNear ? `Did you mean ${near}?` : 'Name the YAML file of an export manifest.';
    throw new PackferryError(code, fault.message, { hint, cause: fault.cause });
  }
}

/** Nothing else is said of a manifest that follows rules which this version does not know. */
function refuseNewer(file: YamlFile): void {
  const written = mappingOf(file.value)['schema'];
  const version = /^packferry\.export\/v([0-9]+)$/.exec(String(written))?.[1];
  if (version === undefined || Number(version) <= 1) return;
  const { line, column } = file.locate(['schema']);
  throw new PackferryError(
    'E_MANIFEST_INVALID',
    `${file.name}:${line}:${column}: ${String(written)} is newer than this packferry, which reads ${exportSchemaId}`,
    { hint: 'Install a newer packferry.' },
  );
}

/** The manifest of a file without mistakes. */
function resolve(file: YamlFile, bases: Bases): ExportManifest {
  const document = exportManifestSchema.parse(file.value);
  const { packs = [], images = [], registries = {}, include = {} } = document;
  const asPath = (written: string): string => resolvePath(written, bases);
  return {
    path: file.name,
    name: document.name,
    packs: packs.map((pack) => asPath(pack.path)),
    images: images.map((image, index) => ({
      reference: parseReference(typeof image === 'string' ? image : image.reference),
      file: path.basename(file.name),
      ...file.locate(typeof image === 'string' ? ['images', index] : ['images', index, 'reference']),
    })),
    platform: document.platform === undefined ? defaultPlatform : parsePlatform(document.platform),
    include: { defaultImages: include.defaultImages ?? true, testPlaybooks: include.testPlaybooks ?? false },
    registries: new Map(
      Object.entries(registries).map(([host, { mirrors = [], caFile, ...settings }]) => [
        parseRegistryHost(host),
        { ...settings, mirrors, ...(caFile === undefined ? {} : { caFile: asPath(caFile) }) },
      ]),
    ),
    volumeSize: parseSize(document.bundle?.volumeSize ?? defaultVolumeSize),
    keys: (document.sign?.keys ?? []).map(asPath),
  };
}
