import test from 'ava';
import type { EngineFacts } from '../../src/engine/docker-facts.ts';
import { isSoonerPlain } from '../../src/engine/engine-room.ts';

test('decompressed layers are for Podman, and for the classic store of Docker 24 and later', (t) => {
  const facts = (given: Partial<EngineFacts>): EngineFacts => ({
    product: 'docker',
    idOf: 'config',
    ...given,
  });
  const cases: readonly (readonly [EngineFacts, boolean])[] = [
    [facts({ product: 'podman', version: '4.3.1' }), true],
    [facts({ version: '20.10.24+dfsg1' }), false],
    [facts({ version: '23.0.6' }), false],
    [facts({ version: '24.0.0' }), true],
    [facts({ version: 'v28.5.2' }), true],
    [facts({ version: '29.7.2', idOf: 'manifest' }), false],
    [facts({}), false],
    [facts({ version: 'dev' }), false],
  ];
  for (const [given, expected] of cases) t.is(isSoonerPlain(given), expected, JSON.stringify(given));
});
