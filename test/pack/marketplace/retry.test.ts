import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { Refusal } from '../../../src/core/http-faults.ts';
import { delayAfter } from '../../../src/pack/marketplace/retry.ts';

const policy = { retries: 5, retryDelay: 100, maxWait: 120_000 };

function refused(status: number, retryAfter?: number): PackferryError {
  return new PackferryError('E_SOURCE_UNREACHABLE', 'refused', { cause: new Refusal(status, retryAfter) });
}

function broken(code: string): PackferryError {
  const cause = Object.assign(new Error(code), { code });
  return new PackferryError('E_SOURCE_UNREACHABLE', 'broken', { cause });
}

const waits = test.macro({
  exec(t, error: PackferryError, tries: number, least: number, most: number) {
    const delay = delayAfter(error, tries, policy) ?? Number.NaN;
    t.true(delay >= least && delay <= most, String(delay));
  },
  title: (title) => `a further try: ${title ?? ''}`,
});

test('after a reset, with jitter', waits, broken('ECONNRESET'), 0, 50, 100);
test('each wait is twice as long', waits, broken('UND_ERR_BODY_TIMEOUT'), 3, 400, 800);
test('after 503', waits, refused(503), 0, 50, 100);
test('after 429, as long as asked', waits, refused(429, 7000), 0, 7000, 7000);

const isFinal = test.macro({
  exec(t, error: PackferryError, tries: number) {
    t.is(delayAfter(error, tries, policy), undefined);
  },
  title: (title) => `no further try: ${title ?? ''}`,
});

test('a name that does not exist', isFinal, broken('ENOTFOUND'), 0);
test('a bad certificate', isFinal, broken('DEPTH_ZERO_SELF_SIGNED_CERT'), 0);
test('after the last one', isFinal, broken('ECONNRESET'), 5);
test('a file that is not there', isFinal, refused(404), 0);
test('a wait that is longer than allowed', isFinal, refused(429, 121_000), 0);
