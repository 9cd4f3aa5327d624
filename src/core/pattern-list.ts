/** A comma-separated pattern list of ssh_config(5): `*` and `?` are wildcards, `!` before a pattern excludes. */
export interface PatternList {
  /** As written. */
  readonly text: string;
  readonly patterns: readonly { readonly excludes: boolean; readonly pattern: string }[];
}

/** Reads a list; undefined when a pattern is empty, or when only exclusions stand there: nothing could ever match. */
export function parsePatternList(text: string): PatternList | undefined {
  const patterns = text.split(',').map((item) => {
    const excludes = item.startsWith('!');
    return { excludes, pattern: excludes ? item.slice(1) : item };
  });
  if (patterns.some(({ pattern }) => pattern === '')) return undefined;
  if (patterns.every(({ excludes }) => excludes)) return undefined;
  return { text, patterns };
}

/** The names of a list that names them one by one; undefined when wildcards or exclusions let it mean others. */
export function plainNames({ patterns }: PatternList): readonly string[] | undefined {
  const isPlain = patterns.every(({ excludes, pattern }) => !excludes && !/[*?]/.test(pattern));
  return isPlain ? patterns.map(({ pattern }) => pattern) : undefined;
}

/** Does some pattern match, and no exclusion? Case counts. */
export function matchesPatternList(list: PatternList, value: string): boolean {
  const matching = list.patterns.filter(({ pattern }) => matchesPattern(pattern, value));
  return matching.length > 0 && !matching.some(({ excludes }) => excludes);
}

/** Goes back only to the last `*`, so that the time is bounded by the product of the lengths. */
function matchesPattern(pattern: string, value: string): boolean {
  let [p, v] = [0, 0];
  let star: { readonly p: number; v: number } | undefined;
  while (v < value.length) {
    if (pattern[p] === '*') {
      star = { p, v };
      p += 1;
    } else if (pattern[p] === '?' || pattern[p] === value[v]) {
      p += 1;
      v += 1;
    } else if (star !== undefined) {
      star.v += 1;
      [p, v] = [star.p + 1, star.v];
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}
