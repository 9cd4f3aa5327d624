import test from 'ava';
import { parseDuration, parseWait } from '../../src/core/duration.ts';
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
test('minutes, which may be meant as months', refused, '3m');
test('seconds', refused, '90s');

const waits = test.macro({
  exec(t, text: string, seconds: number | undefined) {
    if (seconds !== undefined) t.is(parseWait(text), seconds);
    else t.is(t.throws(() => parseWait(text), { instanceOf: PackferryError }).code, 'E_USAGE');
  },
  title: (_, text) => `a wait of ${JSON.stringify(text)}`,
});
test(waits, '90s', 90);
test(waits, '10m', 600);
test(waits, '6h', 21_600);
test(waits, '1d', 86_400);
test(waits, '1w', undefined);
test(waits, '0s', undefined);
test(waits, '10', undefined);
