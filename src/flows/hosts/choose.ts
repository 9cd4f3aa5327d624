import { PackferryError } from '../../core/errors.ts';
import { globFault, isGlob, matchesPart } from '../../core/glob.ts';
import { nearestName } from '../../core/nearest.ts';
import { someOf } from '../../core/some-of.ts';
import type { Host } from './resolve.ts';

/** Which hosts of a file are meant; all when nothing is said. */
export interface HostChoice {
  /** Names of groups: the hosts of any of them. */
  readonly groups?: readonly string[];
  /**
   * Patterns of Ansible (`--limit`), with commas or colons between them: names of hosts and groups with `*` and `?`;
   * `!` before one takes its hosts out, `&` keeps only those.
   */
  readonly limit?: string;
}

/**
 * The hosts that are meant, in the order of the file. Throws `E_USAGE` for a group or pattern that means none: a slip of
 * the pen is not to hit other hosts, or to spare none.
 */
export function chooseHosts(hosts: readonly Host[], { groups = [], limit }: HostChoice): readonly Host[] {
  const groupNames = [...new Set(hosts.flatMap((host) => [...host.groups]))];
  for (const group of groups) if (!groupNames.includes(group)) throw unknown('--group', group, groupNames);
  const ofGroups = hosts.filter(
    (host) => groups.length === 0 || groups.some((group) => host.groups.has(group)),
  );
  const chosen = limit === undefined ? ofGroups : limited(hosts, ofGroups, groupNames, limit);
  if (chosen.length > 0) return chosen;
  throw new PackferryError('E_USAGE', 'no host is left of those in the file', { hint: limitHint });
}

const limitHint =
  "As for Ansible: --limit 'apps:!app3' is the group apps without app3, 'engines:&site-a' what is in both, 'app*' by name.";

function limited(
  all: readonly Host[],
  hosts: readonly Host[],
  groups: readonly string[],
  limit: string,
): readonly Host[] {
  const patterns = limit.split(limit.includes(',') ? ',' : ':').map((text) => text.trim());
  const sets = patterns.map((text) => {
    const sign = text.startsWith('!') || text.startsWith('&') ? text.charAt(0) : '';
    return { sign, meant: meantBy(text.slice(sign.length), all, groups) };
  });
  // As Ansible does: what is added first, then what is kept, then what is taken out.
  const of = (sign: string): readonly ReadonlySet<Host>[] =>
    sets.flatMap((one) => (one.sign === sign ? [one.meant] : []));
  const [added, kept, removed] = [of(''), of('&'), of('!')];
  return hosts.filter(
    (host) =>
      (added.length === 0 || added.some((set) => set.has(host))) &&
      kept.every((set) => set.has(host)) &&
      !removed.some((set) => set.has(host)),
  );
}

function meantBy(pattern: string, hosts: readonly Host[], groups: readonly string[]): ReadonlySet<Host> {
  const fault = pattern === '' ? 'a pattern is empty' : (unsupported(pattern) ?? globFault(pattern));
  if (fault !== undefined) throw new PackferryError('E_USAGE', `--limit: ${fault}`, { hint: limitHint });
  const matches = (name: string): boolean =>
    isGlob(pattern) ? matchesPart(pattern, name) : name === pattern;
  const named = new Set(groups.filter(matches));
  const meant = hosts.filter(
    (host) => matches(host.name) || [...host.groups].some((group) => named.has(group)),
  );
  if (meant.length > 0) return new Set(meant);
  throw unknown('--limit', pattern, [...groups, ...hosts.map(({ name }) => name)]);
}

function unsupported(pattern: string): string | undefined {
  if (pattern.startsWith('~')) return 'regular expressions are not taken; * and ? are';
  if (pattern.startsWith('@'))
    return 'lists in files are not taken: write the names with commas between them';
  return /\[-?[0-9:]+\]$/.test(pattern) ? 'positions in a group are not taken: name the hosts' : undefined;
}

function unknown(option: string, name: string, known: readonly string[]): PackferryError {
  const near = nearestName(name, known);
  const hint = near === undefined ? `There are ${someOf(known, 8)}.` : `Did you mean ${near}?`;
  return new PackferryError(
    'E_USAGE',
    `${option} ${JSON.stringify(name)}: no such group or host in the file`,
    { hint },
  );
}
