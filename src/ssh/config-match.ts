import { matchesPatternList, parsePatternList } from '../core/pattern-list.ts';

/** What blocks of ssh_config are chosen by. */
export interface MatchFacts {
  /** As it was asked for. */
  readonly host: string;
  /** What HostName has made of it so far. */
  readonly hostName: string;
  /** The user there, as far as it is known. */
  readonly user: string;
  readonly localUser: string;
}

/** Does `Host` with these patterns mean the host? An exclusion that fits wins. */
export function matchesHost(words: readonly string[], { host }: MatchFacts): boolean {
  // A comma has no meaning here, and none can be in the name of a host.
  return fits(words.join(','), host);
}

/**
 * Does `Match` with these criteria mean the host? A text names the criterion that cannot be answered here: running
 * commands, the second reading after canonicalization, and what is unknown.
 */
export function matches(words: readonly string[], facts: MatchFacts): boolean | string {
  if (words.length === 1 && words[0]?.toLowerCase() === 'all') return true;
  const values = {
    host: facts.hostName,
    originalhost: facts.host,
    user: facts.user,
    localuser: facts.localUser,
  };
  let isMatch = true;
  for (let at = 0; at < words.length; at += 2) {
    const [, negation = '', written = ''] = /^(!?)(.*)$/.exec(words[at] ?? '') ?? [];
    const criterion = written.toLowerCase();
    if (!isCriterion(criterion)) return written;
    const patterns = words[at + 1];
    if (patterns === undefined) return `${written} without a value`;
    if (fits(patterns, values[criterion]) === (negation === '!')) isMatch = false;
  }
  return isMatch;
}

type Criterion = 'host' | 'originalhost' | 'user' | 'localuser';

function isCriterion(text: string): text is Criterion {
  return ['host', 'originalhost', 'user', 'localuser'].includes(text);
}

function fits(patterns: string, value: string): boolean {
  const list = parsePatternList(patterns);
  return list !== undefined && matchesPatternList(list, value);
}
