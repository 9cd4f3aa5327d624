import test from 'ava';
import { pullLimitOf } from '../../src/registry/pull-limits.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { parseReference } from '../../src/core/reference.ts';
import { amd64, scripted } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage, sampleIndex } from '../helpers/registry-images.ts';
import { serveFrom } from '../helpers/registry-scripted.ts';

const reads = test.macro({
  exec(t, headers: Record<string, string>, expected: ReturnType<typeof pullLimitOf>) {
    t.deepEqual(pullLimitOf({ headers }), expected);
  },
  title: (title) => `pull limits: ${title ?? ''}`,
});

const hub = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
test(
  'as Docker Hub gives them',
  reads,
  { ...hub, 'docker-ratelimit-source': '192.0.2.7' },
  {
    limit: 100,
    remaining: 76,
    window: 21_600,
    source: '192.0.2.7',
  },
);
test(
  'without window and source',
  reads,
  { 'ratelimit-limit': '5', 'ratelimit-remaining': '0' },
  {
    limit: 5,
    remaining: 0,
  },
);
test(
  'a source that would move the cursor',
  reads,
  { ...hub, 'docker-ratelimit-source': '\u001b[2J' },
  {
    limit: 100,
    remaining: 76,
    window: 21_600,
    source: '\\u{1b}[2J',
  },
);
test('absent', reads, {}, undefined);
test('only one of the two', reads, { 'ratelimit-limit': '100' }, undefined);
test('rubbish', reads, { ...hub, 'ratelimit-remaining': 'many' }, undefined);

test('pull limits: manifests count, configs and refusals do not', async (t) => {
  const image = sampleImage();
  const index = sampleIndex([{ of: image.manifest, platform: amd64 }]);
  const content = new MemoryContent().image('a/b', 'plain', image).tag('a/b', 'index', index);
  const server = await scripted(t, async (request, response) => {
    for (const [name, value] of Object.entries(hub)) response.setHeader(name, value);
    await serveFrom(content, request, response);
  });
  const source = openRegistrySource({ retries: 0 });
  t.teardown(async () => source.close());
  t.deepEqual(source.pullCounts(), []);
  await source.resolve(parseReference(`${server.host}/a/b:index`), amd64);
  await t.throwsAsync(source.resolve(parseReference(`${server.host}/a/b:gone`), amd64));
  t.deepEqual(source.pullCounts(), [
    { registry: server.host, manifests: 2, pending: 2, limit: { limit: 100, remaining: 76, window: 21_600 } },
  ]);
});
