import test from 'ava';
import { deprecationIn } from '../../src/core/deprecation.ts';

const says = test.macro((t, env: readonly string[] | null | undefined, expected: string | undefined) => {
  t.is(deprecationIn(env), expected);
});

test('an image without variables', says, undefined, undefined);
test('an image whose variables are null, as Go writes them', says, null, undefined);
test('an image that says nothing', says, ['PATH=/bin', 'DOCKER_IMAGE=demisto/x:1'], undefined);
test('given up', says, ['DEPRECATED_IMAGE=true', 'DEPRECATED_REASON=Use another.'], 'Use another.');
test('given up without a reason', says, ['DEPRECATED_IMAGE=true'], '');
test('given up by hand, in Python', says, ['DEPRECATED_IMAGE=True'], '');
test('not given up', says, ['DEPRECATED_IMAGE=false', 'DEPRECATED_REASON=x'], undefined);
test(
  'given up and taken back: the last one counts',
  says,
  ['DEPRECATED_IMAGE=true', 'DEPRECATED_IMAGE='],
  undefined,
);
test(
  'a variable that only ends like it',
  says,
  ['NOT_DEPRECATED_IMAGE=true', 'DEPRECATED_IMAGES=true'],
  undefined,
);
test('a reason with an equals sign', says, ['DEPRECATED_IMAGE=true', 'DEPRECATED_REASON=a=b'], 'a=b');
test('a reason over several lines', says, ['DEPRECATED_IMAGE=true', 'DEPRECATED_REASON= a\n\tb '], 'a b');
test(
  'an endless reason',
  says,
  ['DEPRECATED_IMAGE=true', `DEPRECATED_REASON=${'x'.repeat(10_000)}`],
  `${'x'.repeat(300)}...`,
);
