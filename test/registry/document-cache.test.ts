import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { DocumentCache, type ImageDocument } from '../../src/registry/document-cache.ts';

function document(text: string): ImageDocument {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), mediaType: 'a/b', bytes };
}

test('the oldest documents go when the bytes exceed the limit', (t) => {
  const [a, b, c] = [document('aaaa'), document('bbbb'), document('cccc')];
  const cache = new DocumentCache(10);
  cache.add(a);
  cache.add(b);
  cache.add(c);
  t.is(cache.get(a.digest), undefined);
  t.is(cache.get(b.digest), b);
  t.is(cache.get(c.digest), c);
});

test('a document over the limit is not kept and pushes nothing out', (t) => {
  const [small, large] = [document('a'), document('b'.repeat(11))];
  const cache = new DocumentCache(10);
  cache.add(small);
  cache.add(large);
  t.is(cache.get(large.digest), undefined);
  t.is(cache.get(small.digest), small);
});

test('adding the same document again costs nothing', (t) => {
  const [a, b] = [document('aaaa'), document('bbbb')];
  const cache = new DocumentCache(10);
  for (let times = 0; times < 5; times += 1) cache.add(a);
  cache.add(b);
  t.is(cache.get(a.digest), a);
});
