import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { sumUp } from '../../core/sum-up.ts';
import type { PackVersion } from './documents.ts';
import { downloadPack, readPackZip } from './download.ts';
import { refuseAborted } from './fault.ts';
import { findPack } from './find-pack.ts';
import { anyVersion, findVersion } from './find-version.ts';
import {
  follow,
  type DependencyMode,
  type DependencyProblem,
  type ResolvedPack,
  type Start,
} from './follow.ts';
import type { Marketplace } from './marketplace.ts';
import type { MarketplacePack } from './pack-index.ts';

/** A pack that someone wants. */
export interface PackRequest {
  /** Its id, or its name in the marketplace. */
  readonly pack: string;
  /** An exact version, or `*` for the current one. Default: `*`. */
  readonly version?: string;
  /** Which dependencies are wanted too, on every level: `all` are those that are mandatory and those that are not. */
  readonly dependencies: DependencyMode;
  /** Where it is asked for, as `FILE:LINE:COLUMN: `: stands in front of what is said of the packs that it leads to. */
  readonly where?: string;
}

export interface ResolvedPacks {
  /** What was asked for, in that order, then what that needs, level by level. Each once. */
  readonly packs: readonly ResolvedPack[];
  /** Also told as warnings. */
  readonly problems: readonly DependencyProblem[];
}

/**
 * Finds every pack that is needed. A pack that is asked for twice comes once, in the exact version if one is named. Packs
 * whose metadata the index does not have in the wanted version are downloaded to look into them. Throws all mistakes at
 * once: `E_PACK_NOT_FOUND`, `E_PACK_INVALID`, or what `downloadPack` throws.
 */
export async function resolvePacks(
  marketplace: Marketplace,
  requests: readonly PackRequest[],
): Promise<ResolvedPacks> {
  const { index, emit, signal, name } = marketplace;
  const mistakes: PackferryError[] = [];
  const report = (fault: unknown, where: string): void => {
    refuseAborted(signal, name);
    const error = asPackferryError(fault);
    mistakes.push(where === '' ? error : error.with(`${where}${error.message}`));
  };
  const starts: Start[] = [];
  for (const group of groupsOf(requests, (wanted) => findPack(index, wanted), report)) {
    try {
      starts.push(await startOf(marketplace, group));
    } catch (fault) {
      // The last one is where it became too much.
      report(fault, group.requests.at(-1)?.where ?? '');
    }
  }
  const followed = await follow(index, starts, (pack) => load(marketplace, pack));
  refuseAborted(signal, name);
  mistakes.push(...followed.mistakes);
  if (mistakes.length > 0) throw sumUp(mistakes[0]?.code ?? 'E_PACK_NOT_FOUND', name, mistakes);
  const { packs, problems } = followed;
  const places = new Map(starts.map(({ pack, where }) => [pack.id, where]));
  for (const problem of problems) {
    const where = places.get(problem.path[0] ?? '') ?? '';
    emit({ type: 'note', level: 'warning', message: `${where}${messageFor(problem)}` });
  }
  return { packs, problems };
}

/** All requests for one pack. */
interface Group {
  readonly pack: MarketplacePack;
  readonly requests: readonly PackRequest[];
}

function groupsOf(
  requests: readonly PackRequest[],
  find: (wanted: string) => MarketplacePack,
  report: (fault: unknown, where: string) => void,
): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const request of requests) {
    try {
      const pack = find(request.pack);
      const before = groups.get(pack.id)?.requests ?? [];
      groups.set(pack.id, { pack, requests: [...before, request] });
    } catch (fault) {
      report(fault, request.where ?? '');
    }
  }
  return groups.values();
}

async function startOf(marketplace: Marketplace, { pack, requests }: Group): Promise<Start> {
  const { id, name, hidden, deprecated } = pack;
  const written = new Set(requests.map(({ version = anyVersion }) => version));
  written.delete(anyVersion);
  if (written.size > 1) {
    throw new PackferryError(
      'E_PACK_NOT_FOUND',
      `pack ${id} is asked for in ${written.size} versions: ${[...written].join(', ')}`,
      { hint: 'A server has a pack in one version: name only that.' },
    );
  }
  const [wanted = anyVersion] = written;
  const version = await findVersion(marketplace, pack, wanted);
  const strongest = (['all', 'mandatory', 'none'] as const)
    .map((mode) => requests.find(({ dependencies }) => dependencies === mode))
    .find((request) => request !== undefined);
  const found = { id, name, version, path: [], hidden, deprecated };
  return { pack: found, dependencies: strongest?.dependencies ?? 'none', where: strongest?.where ?? '' };
}

async function load(marketplace: Marketplace, pack: ResolvedPack): Promise<PackVersion> {
  const known = await marketplace.index.versionOf(pack.id, pack.version);
  if (known !== undefined) return known;
  const { zip } = await downloadPack(marketplace, pack);
  return readPackZip(zip, pack);
}

function messageFor(problem: DependencyProblem): string {
  const by = problem.path.join(' > ');
  if (problem.kind === 'absent')
    return `pack ${problem.id} is not in the marketplace; ${by} can do without it`;
  const { id, version, minVersion } = problem;
  return `pack ${id} comes in version ${version}, but ${by} needs at least ${minVersion}`;
}
