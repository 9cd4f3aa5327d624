import test, { type ExecutionContext } from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import type { RegistrySettings } from '../../src/registry/options.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { nextQuery } from '../../src/registry/tags-link.ts';
import type { TagList } from '../../src/registry/tags.ts';
import { failure, scripted } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { refuse, serveFrom, type Script } from '../helpers/registry-scripted.ts';
import { TokenGuard } from '../helpers/registry-tokens.ts';

const image = sampleImage();

interface ListOptions {
  readonly registries?: ReadonlyMap<string, RegistrySettings>;
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

async function list(t: ExecutionContext, host: string, options: ListOptions = {}): Promise<TagList> {
  const { signal, ...rest } = options;
  const source = openRegistrySource({ retries: 0, retryDelay: 1, ...rest });
  t.teardown(() => source.close());
  return source.listTags(parseReference(`${host}/a/b:1`), signal);
}

function content(tags: readonly string[]): MemoryContent {
  const all = new MemoryContent();
  for (const tag of tags) all.image('a/b', tag, image);
  return all;
}

/** An honest registry that gives at most `page` tags at once, as many do. */
function paged(tags: readonly string[], page: number): Script {
  const all = content(tags);
  return async (request, response) => {
    const url = new URL(request.path, 'http://x');
    url.searchParams.set('n', String(page));
    await serveFrom(all, { ...request, path: `${url.pathname}${url.search}` }, response);
  };
}

const answering =
  (body: string, headers: Record<string, string> = {}): Script =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };

test('tags: the whole list of a registry', async (t) => {
  const server = await scripted(t, paged(['10', '2', 'latest'], 1000));
  const { tags, source } = await list(t, server.host);
  t.deepEqual([...tags].sort(), ['10', '2', 'latest']);
  t.is(source, `registry://${server.host}`);
  t.is(server.seen.length, 1);
});

test('tags: page after page', async (t) => {
  const all = Array.from({ length: 25 }, (_, at) => `1.0.0.${at + 100}`);
  const server = await scripted(t, paged(all, 10));
  t.deepEqual([...(await list(t, server.host)).tags].sort(), all);
  t.is(server.seen.length, 3);
});

test('tags: a full page without a link is followed by its last tag', async (t) => {
  const all = Array.from({ length: 1500 }, (_, at) => `1.0.0.${at + 1000}`);
  const server = await scripted(t, ({ path }, response) => {
    const last = new URL(path, 'http://x').searchParams.get('last') ?? '';
    const tags = all.filter((tag) => tag > last).slice(0, 1000);
    response.end(JSON.stringify({ name: 'a/b', tags }));
  });
  t.is((await list(t, server.host)).tags.length, 1500);
  t.is(server.seen.length, 2);
});

test('tags: a registry that knows no pages is asked only once more', async (t) => {
  const tags = Array.from({ length: 1000 }, (_, at) => `1.0.0.${at + 1000}`);
  const server = await scripted(t, answering(JSON.stringify({ tags })));
  t.is((await list(t, server.host)).tags.length, 1000);
  t.is(server.seen.length, 2);
});

test('tags: a null list is an empty one', async (t) => {
  const server = await scripted(t, answering('{"name":"a/b","tags":null}'));
  t.deepEqual((await list(t, server.host)).tags, []);
});

test('tags: with a token, which serves all pages', async (t) => {
  const guard = new TokenGuard();
  const server = await scripted(t, guard.script(paged(['1', '2', '3'], 1)));
  t.is((await list(t, server.host)).tags.length, 3);
  t.is(guard.asked.length, 1);
});

test('tags: mirrors are asked first', async (t) => {
  const registry = await scripted(t, paged(['1'], 10));
  const mirror = await scripted(t, paged(['1', '2'], 10));
  const registries = new Map([[registry.host, { mirrors: [mirror.host] }]]);
  const found = await list(t, registry.host, { registries });
  t.deepEqual(found, { tags: ['1', '2'], source: `registry://${mirror.host}` });
  t.is(registry.seen.length, 0);
});

test('tags: repeated after an answer that asks for patience', async (t) => {
  const honest = paged(['1'], 10);
  const server = await scripted(t, async (request, response, before) => {
    if (before.length === 0) refuse(response, 503, 'UNAVAILABLE');
    else await honest(request, response, before);
  });
  t.deepEqual((await list(t, server.host, { retries: 1 })).tags, ['1']);
});

const fails = test.macro({
  async exec(t, code: Parameters<typeof failure>[1], script: Script) {
    const server = await scripted(t, script);
    await failure(t, code, () => list(t, server.host));
  },
  title: (what) => `tags: an error: ${what ?? ''}`,
});
test('the repository is not there', fails, 'E_IMAGE_NOT_FOUND', paged([], 10));
test('it is not shown to us', fails, 'E_SOURCE_DENIED', (_request, response) => {
  refuse(response, 403, 'DENIED');
});
test('no JSON', fails, 'E_SOURCE_PROTOCOL', answering('<html>'));
test('no list', fails, 'E_SOURCE_PROTOCOL', answering('{"tags":"1"}'));
test('no tags in it', fails, 'E_SOURCE_PROTOCOL', answering('{"tags":["1","../2"]}'));
test(
  'a page without end',
  fails,
  'E_LIMIT_EXCEEDED',
  answering(`{"tags":["${'1'.repeat(5 * 1024 * 1024)}"]}`),
);
test(
  'pages without end',
  fails,
  'E_LIMIT_EXCEEDED',
  answering('{"tags":[]}', { link: '</v2/a/b/tags/list?next_page=x>; rel="next"' }),
);

test('tags: stops when it is told to', async (t) => {
  const server = await scripted(t, paged(['1'], 10));
  await failure(t, 'E_INTERRUPTED', () => list(t, server.host, { signal: AbortSignal.abort() }));
});

const links = test.macro({
  exec: (t, link: string | undefined, expected: string | undefined) => {
    const url = new URL('http://r.example/v2/a/b/tags/list?n=2');
    t.is(nextQuery({ headers: { link }, url }), expected);
  },
  title: (_title, link: string | undefined) => `link: ${link ?? 'none'}`,
});
test(links, undefined, undefined);
test(links, '</v2/a/b/tags/list?n=2&last=x%2By>; rel="next"', 'n=2&last=x%2By');
test(
  links,
  '<https://quay.example/v2/a/b/tags/list?next_page=gAA%3D%3D&n=50>; rel="next"',
  'next_page=gAA%3D%3D&n=50',
);
test(links, '<?last=x>;rel=next', 'last=x');
test(links, '</a?first=1>; rel="first", </a?last=2>; title="x"; rel="last next"', 'last=2');
test(links, '</a?first=1>; rel="prev"', undefined);
test(links, '</a>; rel="next"', undefined);
test(links, 'nonsense', undefined);
