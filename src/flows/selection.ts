import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Network } from '../core/proxy.ts';
import { formatReference } from '../core/reference.ts';
import type { Position } from '../core/yaml.ts';
import { judge } from '../pack/policy.ts';
import { scanPacks } from '../pack/scan.ts';
import type { PackInfo } from '../pack/scan.ts';
import type { PackImageUse } from '../pack/image-use.ts';
import { warnOfFindings } from './policy-errors.ts';
import type { BundleFinding } from '../schema/bundle.ts';
import { exportSchemaId } from '../schema/export-manifest.ts';
import type { ImageUse } from '../schema/parts.ts';
import { excludeImages, unusedPatterns, type ExcludedImage } from './exclude.ts';
import { kindOfFile } from './given-files.ts';
import { loadExportManifest } from './load-manifest.ts';
import { fetchMarketplacePacks, type FetchedPack } from './marketplace-packs.ts';
import { readManifestFiles } from './manifest-files.ts';
import { emptyManifest, placeIn, type ExportManifest } from './manifest.ts';
import { unusedOrigins } from './origins.ts';
import type { WantedImage } from './resolve.ts';

/** What somebody wants to carry: a manifest read, its packs scanned. Nothing has been asked of a registry. */
export interface Selection {
  readonly manifest: ExportManifest;
  readonly packs: readonly SelectedPack[];
  /** Each image once, in the order of the names. */
  readonly wanted: readonly WantedImage[];
  /** What the manifest leaves out although something needs it. */
  readonly excluded: readonly ExcludedImage[];
  /** What the image policy says of the wanted images, in their order. */
  readonly findings: readonly BundleFinding[];
}

export interface SelectedPack extends PackInfo {
  /** For a pack that only others need: the ids of those that led here, from the one that was asked for. */
  readonly requiredBy?: readonly string[];
}

export interface SelectOptions {
  /** The user's home folder, for `~/` in a manifest. */
  readonly home: string;
  /** Absolute folder for what comes from a marketplace, kept from run to run. */
  readonly cacheDir: string;
  /** How requests name the program. Default: `packferry`. */
  readonly userAgent?: string;
  /** How the marketplace is reached. Default: directly. */
  readonly network?: Network;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Reads one export manifest, or takes content packs and `xsoar_config.json` files as if a manifest named just them.
 * What is meant follows from the content of the file.
 */
export async function select(paths: readonly string[], options: SelectOptions): Promise<Selection> {
  const manifest = await manifestOf(paths, options);
  const files = await readManifestFiles(manifest);
  const fetched = await fetchMarketplacePacks(manifest, files.requests, options);
  const { packs, uses } = await scanPacks([...files.packs, ...fetched.map(({ zip }) => zip)], {
    ...manifest.include,
    native: files.native,
    placeOf: (path) => files.places.get(path) ?? '',
    emit: options.emit,
    signal: options.signal,
  });
  const all = gather(manifest, uses);
  const patterns = manifest.exclude.map(({ text }) => text);
  const { kept, excluded } = excludeImages(all, patterns);
  warnOfUnused(manifest, all, options.emit);
  const findings = judge(kept, manifest.policy, files.deprecated);
  warnOfFindings(findings, options.emit);
  return { manifest, packs: withChains(packs, fetched), wanted: kept, excluded, findings };
}

/** The packs, told for each that came as a dependency who needs it, and the version that the marketplace tells. */
function withChains(packs: readonly PackInfo[], fetched: readonly FetchedPack[]): SelectedPack[] {
  const byZip = new Map(fetched.map((pack) => [pack.zip, pack]));
  return packs.map((pack) => {
    const { version, requiredBy = [] } = byZip.get(pack.path) ?? {};
    return {
      ...pack,
      ...(version === undefined ? {} : { version }),
      ...(requiredBy.length === 0 ? {} : { requiredBy }),
    };
  });
}

/** Each image once, in the order of the names, with everything that needs it. */
function gather(manifest: ExportManifest, uses: readonly PackImageUse[]): WantedImage[] {
  const wanted = new Map<string, { reference: WantedImage['reference']; usedBy: ImageUse[] }>();
  const add = (reference: WantedImage['reference'], use: ImageUse): void => {
    const key = formatReference(reference);
    const known = wanted.get(key);
    if (known === undefined) wanted.set(key, { reference, usedBy: [use] });
    else known.usedBy.push(use);
  };
  for (const { reference, pack, item, kind, file, line, column, key } of uses) {
    add(reference, { pack, item, kind, file, line, column, key });
  }
  for (const { reference, file, line, column } of manifest.images) {
    add(reference, { pack: '', item: manifest.name, kind: 'manifest', file, line, column, key: 'images' });
  }
  const keys = [...wanted.keys()].sort();
  return keys.flatMap((key) => wanted.get(key) ?? []);
}

/** Patterns that do nothing are mostly slips of the pen. */
function warnOfUnused(manifest: ExportManifest, all: readonly WantedImage[], emit: Emit): void {
  const warn = (at: Position, what: string, pattern: string): void => {
    const message = `${placeIn(manifest, at)}${what} ${JSON.stringify(pattern)} matches no image`;
    emit({ type: 'note', level: 'warning', message });
  };
  const patterns = manifest.exclude.map(({ text }) => text);
  const unused = unusedPatterns(all, patterns);
  for (const place of manifest.exclude) if (unused.includes(place.text)) warn(place, 'exclude', place.text);
  for (const origin of unusedOrigins(manifest, all)) warn(origin, 'pattern', origin.pattern);
}

async function manifestOf(paths: readonly string[], options: SelectOptions): Promise<ExportManifest> {
  const files = await Promise.all(paths.map(async (path) => ({ path, kind: await kindOfFile(path) })));
  const [first] = files;
  if (first !== undefined && files.length === 1) {
    if (first.kind === 'manifest' || first.kind === 'missing')
      return loadExportManifest(first.path, { home: options.home });
    if (first.kind === 'neither') throw neither(first.path);
  }
  const manifest = files.find(({ kind }) => kind === 'manifest');
  if (manifest !== undefined) {
    throw new PackferryError('E_USAGE', `${manifest.path} is an export manifest: give it alone`, {
      hint: 'Name the packs inside the manifest, or give packs only.',
    });
  }
  const place = { line: 1, column: 1 };
  const [configs, packs] = [true, false].map((wanted) =>
    files
      .filter(({ kind }) => (kind === 'xsoar-config') === wanted)
      .map(({ path: text }) => ({ text, ...place })),
  );
  const xsoarConfigs = (configs ?? []).map((config) => ({ ...config, dependencies: 'mandatory' as const }));
  return { ...emptyManifest, packs: packs ?? [], xsoarConfigs };
}

function neither(file: string): PackferryError {
  const what = `${file}: no export manifest, and neither an integration nor a script`;
  return new PackferryError('E_MANIFEST_INVALID', what, {
    hint: `A manifest has the line "schema: ${exportSchemaId}". Of content, name a pack, a folder of packs, or the yml file of an integration or script.`,
  });
}
