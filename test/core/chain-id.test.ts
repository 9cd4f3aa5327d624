import { createHash } from 'node:crypto';
import test from 'ava';
import { chainIdsOf } from '../../src/core/chain-id.ts';
import type { Digest } from '../../src/core/digest.ts';

const diffId = (text: string): Digest => `sha256:${createHash('sha256').update(text).digest('hex')}`;

test('the first chainID is the diffID; each further one hashes the one below, a blank and the diffID', (t) => {
  const [a, b, c] = [diffId('a'), diffId('b'), diffId('c')];
  const ab = diffId(`${a} ${b}`);
  t.deepEqual(chainIdsOf([a, b, c]), [a, ab, diffId(`${ab} ${c}`)]);
  t.deepEqual(chainIdsOf([]), []);
});

test('the same layer has another chainID above another one', (t) => {
  const [a, b] = [diffId('a'), diffId('b')];
  t.not(chainIdsOf([a, a])[1], chainIdsOf([b, a])[1]);
  t.not(chainIdsOf([a, a])[1], a);
});
