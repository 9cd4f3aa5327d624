import test from 'ava';
import { retryAfterOf } from '../../src/core/http-faults.ts';

const now = Date.UTC(2026, 0, 1);
const reads = test.macro({
  exec(t, header: string | undefined, expected: number | undefined) {
    t.is(retryAfterOf(header, now), expected);
  },
  title: (title) => `Retry-After: ${title ?? ''}`,
});

test('seconds', reads, '12', 12_000);
test('a date', reads, 'Thu, 01 Jan 2026 00:00:30 GMT', 30_000);
test('a date that has passed', reads, 'Wed, 31 Dec 2025 00:00:00 GMT', 0);
test('rubbish', reads, 'soon', undefined);
test('absent', reads, undefined, undefined);
test('seconds since 1970', reads, String(now / 1000 + 90), 90_000);
