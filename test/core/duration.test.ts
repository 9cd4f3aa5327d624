import test from 'ava';
import { parseDuration } from '../../src/core/duration.ts';
import { PackferryError } from '../../src/core/errors.ts';

const lasts = test.macro((t, text: string, seconds: number) => {
  t.is(parseDuration(text), seconds);
});
const refused = test.macro((t, text: string) => {
  const error = t.throws(() => parseDuration(text), { instanceOf: PackferryError });
  t.is(error.code, 'E_USAGE');
  t.truthy(error.hint);
});

test('hours', lasts, '12h', 43_200);
test('days', lasts, '90d', 7_776_000);
test('weeks', lasts, '4w', 2_419_200);
test('nothing', refused, '');
test('zero', refused, '0d');
test('no unit', refused, '90');
test('an unknown unit', refused, '3y');
test('a fraction', refused, '1.5d');
test('a negative number', refused, '-1d');
test('more than a calendar has', refused, '999999d');
