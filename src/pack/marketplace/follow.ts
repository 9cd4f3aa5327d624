import { asPackferryError, PackferryError } from '../../core/errors.ts';
import type { Dependency, PackVersion } from './documents.ts';
import type { PackIndex } from './pack-index.ts';
import { compareVersions } from './versions.ts';

/** Which dependencies of a pack are wanted, on every level. */
export type DependencyMode = 'none' | 'mandatory' | 'all';

/** A pack that is needed. */
export interface ResolvedPack {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** The ids of the packs that led here, from the one that was asked for; empty for that one itself. */
  readonly path: readonly string[];
  /** Not shown in the marketplace any more. */
  readonly hidden: boolean;
  /** Given up by its authors. */
  readonly deprecated: boolean;
}

/** Something that is not as a pack wants it, but stands in the way of nothing here. */
export type DependencyProblem =
  | {
      /** A pack is older than the one that needs it wants. */
      readonly kind: 'too-old';
      readonly id: string;
      readonly version: string;
      readonly minVersion: string;
      readonly path: readonly string[];
    }
  | {
      /** A pack that is not mandatory is not in the marketplace. */
      readonly kind: 'absent';
      readonly id: string;
      readonly path: readonly string[];
    };

export interface Start {
  readonly pack: ResolvedPack;
  readonly dependencies: DependencyMode;
  /** The place that asks for it, for messages on what it leads to; perhaps empty. */
  readonly where: string;
}

export interface Followed {
  /** What was asked for, then what that needs, level by level. */
  readonly packs: readonly ResolvedPack[];
  readonly problems: readonly DependencyProblem[];
  readonly mistakes: readonly PackferryError[];
}

const ranks: Readonly<Record<DependencyMode, number>> = { none: 0, mandatory: 1, all: 2 };

/**
 * Follows dependencies level by level, so that every pack is found by its shortest path; packs that need each other are
 * no obstacle. A pack that was asked for keeps its version, all others come in their current one. `load` gives the
 * metadata of a version.
 */
export async function follow(
  index: PackIndex,
  starts: readonly Start[],
  load: (pack: ResolvedPack) => Promise<PackVersion>,
): Promise<Followed> {
  const found = new Map(starts.map(({ pack }) => [pack.id, pack]));
  const done = new Map<string, number>();
  const problems = new Map<string, DependencyProblem>();
  const mistakes = new Map<string, PackferryError>();
  const wheres = new Map(starts.map(({ pack, where }) => [pack.id, where]));
  const placed = (error: PackferryError, root: string | undefined): PackferryError => {
    const where = wheres.get(root ?? '') ?? '';
    return where === '' ? error : error.with(`${where}${error.message}`);
  };
  const dependenciesOf = async (pack: ResolvedPack): Promise<readonly Dependency[]> => {
    try {
      return (await load(pack)).dependencies;
    } catch (fault) {
      mistakes.set(pack.id, placed(asPackferryError(fault), pack.path[0] ?? pack.id));
      return [];
    }
  };
  const miss = ({ id, mandatory }: Dependency, path: readonly string[], fault?: PackferryError): void => {
    // The shortest path comes first.
    if (mistakes.has(id)) return;
    const by = path.join(' > ');
    const error = fault === undefined ? notThere(id, by) : fault.with(`${fault.message} (needed by ${by})`);
    if (fault !== undefined || mandatory) mistakes.set(id, placed(error, path[0]));
    else problems.set(`? ${id}`, { kind: 'absent', id, path });
  };
  const queue = starts.map(({ pack, dependencies }) => ({ pack, mode: dependencies }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { pack, mode } = next;
    // A pack may be reached again by someone who wants more of it.
    if (ranks[mode] <= (done.get(pack.id) ?? 0)) continue;
    done.set(pack.id, ranks[mode]);
    const path = [...pack.path, pack.id];
    for (const dependency of await dependenciesOf(pack)) {
      if (mode === 'mandatory' && !dependency.mandatory) continue;
      const needed = found.get(dependency.id) ?? lookUp(index, dependency.id, path);
      if (needed === undefined || needed instanceof PackferryError) {
        miss(dependency, path, needed);
        continue;
      }
      found.set(needed.id, needed);
      const { id, version } = needed;
      const { minVersion } = dependency;
      if (minVersion !== undefined && compareVersions(version, minVersion) < 0) {
        problems.set(`${pack.id} ${id}`, { kind: 'too-old', id, version, minVersion, path });
      }
      queue.push({ pack: needed, mode });
    }
  }
  return { packs: [...found.values()], problems: [...problems.values()], mistakes: [...mistakes.values()] };
}

function lookUp(
  { packs, faults }: PackIndex,
  wanted: string,
  path: readonly string[],
): ResolvedPack | PackferryError | undefined {
  const pack = packs.get(wanted);
  if (pack === undefined) return faults.get(wanted);
  const { id, name, version, hidden, deprecated } = pack;
  return { id, name, version, path, hidden, deprecated };
}

function notThere(id: string, by: string): PackferryError {
  return new PackferryError(
    'E_PACK_NOT_FOUND',
    `no pack ${id} in the marketplace, but it is needed by ${by}`,
    {
      hint: 'Name a version of that pack which does without, or do not ask for its dependencies.',
    },
  );
}
