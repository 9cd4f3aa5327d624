import { errorAnswer, jsonAnswer, type ServerAnswer } from './server-answers.ts';

/**
 * A list with the paging of the distribution specification: `n` entries after `last`, in byte order, and a `Link` to
 * the next page. `key` is the list's name in the answer; `rest` stands before it.
 */
export function listAnswer(
  url: URL,
  key: 'tags' | 'repositories',
  values: readonly string[],
  rest: Readonly<Record<string, string>> = {},
): ServerAnswer {
  const count = url.searchParams.get('n');
  if (count !== null && !/^\d{1,9}$/.test(count)) {
    return errorAnswer(400, 'UNSUPPORTED', 'n is no number of entries');
  }
  const after = url.searchParams.get('last') ?? '';
  const following = [...values].sort(byBytes).filter((value) => byBytes(value, after) > 0);
  const page = count === null ? following : following.slice(0, Number(count));
  const last = page.at(-1);
  if (last === undefined || page.length === following.length) return jsonAnswer({ ...rest, [key]: page });
  const query = new URLSearchParams(url.searchParams);
  query.set('n', String(page.length));
  query.set('last', last);
  const next = `${url.pathname}?${query.toString()}`;
  return jsonAnswer({ ...rest, [key]: page }, { link: `<${next}>; rel="next"` });
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
