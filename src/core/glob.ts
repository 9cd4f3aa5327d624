/**
 * Patterns as shells have them: `*` any characters but `/`, `?` one, `[abc]`, `[a-z]` and `[!a-z]` one of a set, and `**`
 * as a whole part between slashes any number of parts. There are no escapes: `[*]` is a star. Matching takes time that
 * grows with the product of the lengths, whatever the pattern.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesSequence(pattern.split('/'), text.split('/'), {
    isStar: (part) => part === '**',
    matches: matchesPart,
  });
}

/** Does one part of a pattern, without slashes, match a name? `**` is nothing special here. */
export function matchesPart(pattern: string, name: string): boolean {
  return matchesSequence(tokensOf(pattern), Array.from(name), {
    isStar: (token) => token === '*',
    matches: matchesCharacter,
  });
}

/** Does the text have characters that a pattern gives a meaning to? */
export function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * What is wrong with a pattern, or undefined: a bracket that does not close, or `**` that is not a part by itself and
 * would only pretend to cross slashes.
 */
export function globFault(pattern: string): string | undefined {
  for (const part of pattern.split('/')) {
    if (part !== '**' && part.includes('**')) return '"**" must stand alone between slashes';
    if (tokensOf(part).includes('[')) return '"[" is not closed';
  }
  return undefined;
}

/** One character, `*`, `?`, or a whole `[...]`. A `[` that does not close is a token of its own. */
function tokensOf(pattern: string): string[] {
  return pattern.match(/\[!?\]?[^\]]*\]|[^]/gu) ?? [];
}

function matchesCharacter(token: string, character: string): boolean {
  if (token === '?') return true;
  if (token.length < 3 || !token.startsWith('[')) return token === character;
  const isNegated = token[1] === '!';
  const set = Array.from(token.slice(isNegated ? 2 : 1, -1));
  return isInSet(set, character) !== isNegated;
}

function isInSet(set: readonly string[], character: string): boolean {
  for (let at = 0; at < set.length; at += 1) {
    const [first = '', dash, last] = set.slice(at, at + 3);
    if (dash === '-' && last !== undefined) {
      if (first <= character && character <= last) return true;
      at += 2;
    } else if (first === character) {
      return true;
    }
  }
  return false;
}

interface Rules {
  readonly isStar: (token: string) => boolean;
  readonly matches: (token: string, item: string) => boolean;
}

/**
 * Matches items against tokens of which some, the stars, stand for any number of items. When an item does not fit, the
 * latest star takes one more: earlier stars never need to be looked at again.
 */
function matchesSequence(
  tokens: readonly string[],
  items: readonly string[],
  { isStar, matches }: Rules,
): boolean {
  let token = 0;
  let item = 0;
  let retry: { token: number; item: number } | undefined;
  while (item < items.length) {
    const wanted = tokens[token];
    if (wanted !== undefined && isStar(wanted)) {
      token += 1;
      retry = { token, item };
    } else if (wanted !== undefined && matches(wanted, items[item] ?? '')) {
      token += 1;
      item += 1;
    } else if (retry !== undefined) {
      retry.item += 1;
      ({ token, item } = retry);
    } else {
      return false;
    }
  }
  return tokens.slice(token).every(isStar);
}
