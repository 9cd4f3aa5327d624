import { asPackferryError, type PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import type { Network } from '../core/proxy.ts';
import { sumUp } from '../core/sum-up.ts';
import { downloadPacks, type DownloadedPack } from '../pack/marketplace/download.ts';
import { findPack } from '../pack/marketplace/find-pack.ts';
import { findVersion } from '../pack/marketplace/find-version.ts';
import { openMarketplace, type Marketplace } from '../pack/marketplace/marketplace.ts';
import { resolvePacks } from '../pack/marketplace/resolve.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import type { PlacedRequest } from './manifest-files.ts';
import { placeIn, type ExportManifest } from './manifest.ts';

export interface FetchOptions {
  /** Absolute folder for downloads, kept from run to run. */
  readonly cacheDir: string;
  readonly userAgent?: string;
  /** Default: reached directly. */
  readonly network?: Network;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface FetchedPack extends DownloadedPack {
  /** The ids of the packs that led here, from the one that was asked for; empty for that one itself. */
  readonly requiredBy: readonly string[];
}

/**
 * Gets packs from the marketplace of a manifest, with the packs that they need. Nobody is contacted when none is asked
 * for. Throws all mistakes at once, with the places in the manifest, or what `openMarketplace` throws.
 */
export async function fetchMarketplacePacks(
  manifest: ExportManifest,
  requests: readonly PlacedRequest[],
  options: FetchOptions,
): Promise<FetchedPack[]> {
  if (requests.length === 0) return [];
  const { cacheDir, userAgent, network, emit, signal } = options;
  const { url, caFile } = manifest.marketplace;
  const { ca: trusted = [], ...reached } = network ?? {};
  const ca = [...trusted, ...(caFile === undefined ? [] : [await readCa(manifest, caFile)])];
  const marketplace = await openMarketplace({
    ...{ cacheDir, emit, signal },
    ...(url === undefined ? {} : { baseUrl: url }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...reached,
    ...(ca.length === 0 ? {} : { ca: ca.join('\n') }),
  });
  try {
    return await fetchFrom(marketplace, manifest, requests);
  } finally {
    await marketplace.close();
  }
}

async function fetchFrom(
  marketplace: Marketplace,
  manifest: ExportManifest,
  requests: readonly PlacedRequest[],
): Promise<FetchedPack[]> {
  const mistakes: PackferryError[] = [];
  const known: PlacedRequest[] = [];
  for (const request of requests) {
    const mistake = await mistakeIn(marketplace, manifest, request);
    if (mistake === undefined) known.push(request);
    else mistakes.push(mistake);
  }
  // Also when something is wrong already: what the others lack is to be told in the same go.
  const placed = known.map((request) => ({ ...request, where: whereOf(manifest, request) }));
  const resolved = await resolvePacks(marketplace, placed).catch((fault: unknown) => {
    marketplace.signal?.throwIfAborted();
    mistakes.push(asPackferryError(fault));
    return { packs: [] };
  });
  if (mistakes.length > 0) throw sumUp(mistakes[0]?.code ?? 'E_PACK_NOT_FOUND', manifest.path, mistakes);
  const { packs } = resolved;
  const chains = new Map(packs.map(({ id, path }) => [id, path]));
  const message = `packs from ${marketplace.name}: ${packs.length}`;
  marketplace.emit({ type: 'note', level: 'info', message });
  const downloaded = await downloadPacks(marketplace, packs);
  return downloaded.map((pack) => ({ ...pack, requiredBy: chains.get(pack.id) ?? [] }));
}

/** Looks the pack up by itself, so that an error can name the line that asks for it. */
async function mistakeIn(
  marketplace: Marketplace,
  manifest: ExportManifest,
  request: PlacedRequest,
): Promise<PackferryError | undefined> {
  try {
    await findVersion(marketplace, findPack(marketplace.index, request.pack), request.version);
    return undefined;
  } catch (fault) {
    marketplace.signal?.throwIfAborted();
    const error = asPackferryError(fault);
    return error.with(`${whereOf(manifest, request)}${error.message}`);
  }
}

/** Which line asks for a pack, and in which further file, for the front of a message. */
function whereOf(manifest: ExportManifest, request: PlacedRequest): string {
  return `${placeIn(manifest, request)}${request.file === undefined ? '' : `${request.file}: `}`;
}

async function readCa(
  manifest: ExportManifest,
  caFile: NonNullable<ExportManifest['marketplace']['caFile']>,
): Promise<string> {
  const code = 'E_MANIFEST_INVALID';
  try {
    const bytes = await readFile(caFile.text, { code, maxBytes: limits.caFile });
    return decodeText(bytes, caFile.text, code);
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.with(`${placeIn(manifest, caFile)}${error.message}`);
  }
}
