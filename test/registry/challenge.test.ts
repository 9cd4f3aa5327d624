import test from 'ava';
import { parseChallenges } from '../../src/registry/challenge.ts';

const reads = test.macro({
  exec(t, header: string, expected: [scheme: string, parameters: Record<string, string>][]) {
    const challenges = parseChallenges(header);
    t.deepEqual(
      challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
      expected,
    );
  },
  title: (title) => `challenge: ${title ?? ''}`,
});

test(
  'quoted values with commas',
  reads,
  'Bearer realm="https://a/t",service="r",scope="repository:a:pull,push"',
  [['bearer', { realm: 'https://a/t', service: 'r', scope: 'repository:a:pull,push' }]],
);
test('bare values and spaces', reads, 'bearer  realm = x , service=y', [
  ['bearer', { realm: 'x', service: 'y' }],
]);
test('escaped quotes', reads, 'Basic realm="a \\"b\\" c"', [['basic', { realm: 'a "b" c' }]]);
test('names in any case', reads, 'BEARER Realm="x"', [['bearer', { realm: 'x' }]]);
test('two challenges', reads, 'Basic realm="a", Bearer realm="b",service="c"', [
  ['basic', { realm: 'a' }],
  ['bearer', { realm: 'b', service: 'c' }],
]);
test('a scheme without parameters', reads, 'Negotiate, Basic realm="a"', [
  ['negotiate', {}],
  ['basic', { realm: 'a' }],
]);
test('nothing', reads, '', []);
test('rubbish after the first', reads, 'Bearer realm="b" ;;;', [['bearer', { realm: 'b' }]]);
test('an unclosed quote', reads, 'Bearer realm="b', [['bearer', {}]]);
