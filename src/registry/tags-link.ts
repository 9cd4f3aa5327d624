import { headerOf, type Answer } from './transport.ts';

/**
 * The query of the next page, out of a `Link` header with `rel="next"` (RFC 8288). Only the query is taken: behind
 * proxies the address is often wrong, and the next page is asked for where this one came from. Registries put into it
 * what they like (`last`, `next_page`), so it is used as it stands.
 */
export function nextQuery(answer: Pick<Answer, 'headers' | 'url'>): string | undefined {
  const header = headerOf(answer, 'link');
  if (header === undefined) return undefined;
  for (const [, target = '', parameters = ''] of header.matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (!/;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")/i.test(parameters)) continue;
    if (!URL.canParse(target, answer.url.href)) continue;
    const query = new URL(target, answer.url).search.slice(1);
    if (query !== '') return query;
  }
  return undefined;
}
