import { nearestName } from '../../core/nearest.ts';
import { allGroup, type DraftGroup, type HostsDraft, type Place } from './draft.ts';
import type { HostSettings } from './settings.ts';

/** A host of a file, with all that its groups say of it. */
export interface Host {
  readonly name: string;
  /** Every group that it is in, also through other groups. */
  readonly groups: ReadonlySet<string>;
  readonly settings: HostSettings;
  /** Where it stands in the file. */
  readonly at: Place;
}

/**
 * What the groups of a draft come to for each host. As in Ansible, what is nearer to the host counts for more: `all`, then
 * groups by their depth, those of one depth by their priority and by name, then the host itself. Notes groups that are not there, or go round
 * in a circle.
 */
export function resolveHosts(draft: HostsDraft): readonly Host[] {
  const { groups } = draft;
  const parents = new Map<string, string[]>();
  for (const { name, children } of groups.values()) {
    for (const [child, at] of children) {
      if (groups.get(child)?.isDefined !== true) draft.mistake(at, unknownGroup(child, [...groups.keys()]));
      else parents.set(child, [...(parents.get(child) ?? []), name]);
    }
  }
  const ancestry = new Ancestry(parents);
  for (const { name, children } of groups.values())
    for (const [child, at] of children)
      if (child === allGroup || ancestry.of(name).has(child))
        draft.mistake(at, `the group ${child} would be a part of itself`);

  const ordered = [...groups.values()].sort(
    (a, b) =>
      ancestry.depth(a.name) - ancestry.depth(b.name) ||
      (a.settings.priority ?? 1) - (b.settings.priority ?? 1) ||
      (a.name < b.name ? -1 : 1),
  );
  const direct = new Map<string, string[]>();
  for (const { name, hosts } of groups.values())
    for (const host of hosts) direct.set(host, [...(direct.get(host) ?? []), name]);
  return [...draft.hosts.values()].map(({ name, at, settings }) => {
    const own = (direct.get(name) ?? []).flatMap((group) => [...ancestry.of(group)]);
    const others = own.filter((group) => group !== allGroup);
    const groupsOf = new Set([allGroup, ...(others.length === 0 ? ['ungrouped'] : others)]);
    const said = ordered
      .filter((group: DraftGroup) => groupsOf.has(group.name))
      .map((group) => group.settings);
    return { name, at, groups: groupsOf, settings: Object.assign({}, ...said, settings) as HostSettings };
  });
}

function unknownGroup(name: string, known: readonly string[]): string {
  const shown = /^[\w.-]{1,80}$/.test(name) ? ` ${name}` : ' of this name';
  const near = nearestName(name, known);
  return `there is no group${shown}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** The groups above each group, itself included, and how deep it lies. Circles are cut where they close. */
class Ancestry {
  readonly #parents: ReadonlyMap<string, readonly string[]>;
  readonly #known = new Map<string, ReadonlySet<string>>();
  readonly #depths = new Map<string, number>();

  constructor(parents: ReadonlyMap<string, readonly string[]>) {
    this.#parents = parents;
  }

  of(name: string): ReadonlySet<string> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = new Set([name]);
    // A set goes on to what is added to it meanwhile.
    for (const one of found) for (const parent of this.#parents.get(one) ?? []) found.add(parent);
    this.#known.set(name, found);
    return found;
  }

  depth(name: string): number {
    const known = this.#depths.get(name);
    if (known !== undefined) return known;
    // What is asked for again on the way lies in a circle.
    this.#depths.set(name, 0);
    const above = (this.#parents.get(name) ?? []).map((parent) => this.depth(parent));
    const depth = name === allGroup ? 0 : 1 + Math.max(0, ...above);
    this.#depths.set(name, depth);
    return depth;
  }
}
