/** The names that may stand in an environment marker (PEP 508, "Environment Markers"). */
const variables = new Set([
  ...['os_name', 'sys_platform', 'platform_machine', 'platform_python_implementation', 'platform_release'],
  ...['platform_system', 'platform_version', 'python_version', 'python_full_version'],
  ...['implementation_name', 'implementation_version', 'extra'],
]);

const token =
  /\s*(?:(?<text>'[\w .+*-]*'|"[\w .+*-]*")|(?<operator>===|[=!<>~]=|[<>])|(?<word>[a-z_]+)|(?<mark>[()]))\s*/y;

/** Parentheses inside each other. */
const maxDepth = 8;

/**
 * Reads an environment marker such as `python_version >= "3.8" and os_name == 'posix'` and writes it in one way: single
 * quotes, single spaces. Undefined for what is none.
 */
export function canonicalMarker(text: string): string | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const reader = new MarkerReader(tokens);
  return reader.isMarker() ? tokens.join(' ').replaceAll('( ', '(').replaceAll(' )', ')') : undefined;
}

function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const { groups } = token.exec(text) ?? {};
    if (groups === undefined) return undefined;
    const { text: quoted, operator, word, mark } = groups;
    tokens.push(quoted === undefined ? (operator ?? word ?? mark ?? '') : `'${quoted.slice(1, -1)}'`);
  }
  return tokens;
}

class MarkerReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  isMarker(): boolean {
    return this.#isAlternatives(0) && this.#at === this.#tokens.length;
  }

  #isAlternatives(depth: number): boolean {
    do {
      if (!this.#isTerm(depth)) return false;
    } while (this.#takes('and', 'or'));
    return true;
  }

  #isTerm(depth: number): boolean {
    if (depth > maxDepth) return false;
    if (this.#takes('(')) return this.#isAlternatives(depth + 1) && this.#takes(')');
    return this.#isValue() && this.#isOperator() && this.#isValue();
  }

  #isValue(): boolean {
    const next = this.#tokens[this.#at] ?? '';
    if (!variables.has(next) && !next.startsWith("'")) return false;
    this.#at += 1;
    return true;
  }

  #isOperator(): boolean {
    if (this.#takes('===', '==', '!=', '<=', '>=', '~=', '<', '>', 'in')) return true;
    return this.#takes('not') && this.#takes('in');
  }

  #takes(...wanted: readonly string[]): boolean {
    const next = this.#tokens[this.#at];
    if (next === undefined || !wanted.includes(next)) return false;
    this.#at += 1;
    return true;
  }
}
