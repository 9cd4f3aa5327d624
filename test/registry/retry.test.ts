import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { Refusal } from '../../src/core/http-faults.ts';
import { delayAfter, withRetries } from '../../src/registry/retry.ts';

const policy = { retries: 5, retryDelay: 100 };

function refused(status: number, retryAfter?: number): PackferryError {
  return new PackferryError('E_SOURCE_UNREACHABLE', 'refused', { cause: new Refusal(status, retryAfter) });
}

function broken(code: string): PackferryError {
  return new PackferryError('E_SOURCE_UNREACHABLE', 'broken', {
    cause: Object.assign(new Error(code), { code }),
  });
}

const waits = test.macro({
  exec(t, error: PackferryError, tries: number, expected: [least: number, most: number] | undefined) {
    const delay = delayAfter(error, tries, policy);
    if (expected === undefined || delay === undefined) {
      t.is(delay, expected as undefined);
      return;
    }
    t.true(delay >= expected[0] && delay <= expected[1], String(delay));
  },
  title: (title) => `retry: ${title ?? ''}`,
});

test('a reset waits with jitter', waits, broken('ECONNRESET'), 0, [50, 100]);
test('the wait doubles', waits, broken('ECONNRESET'), 3, [400, 800]);
test('a name that does not exist is final', waits, broken('ENOTFOUND'), 0, undefined);
test('a bad certificate is final', waits, broken('DEPTH_ZERO_SELF_SIGNED_CERT'), 0, undefined);
test('the last try is the last', waits, broken('ECONNRESET'), 5, undefined);
test('503 is repeated', waits, refused(503), 0, [50, 100]);
test('501 is final', waits, refused(501), 0, undefined);
test('404 is final', waits, refused(404), 0, undefined);
test('429 waits as long as asked', waits, refused(429, 7000), 0, [7000, 7000]);
test('429 for longer than two minutes is final', waits, refused(429, 121_000), 0, undefined);

test('retry: an abort ends the wait', async (t) => {
  const stop = new AbortController();
  const attempt = (): Promise<never> => {
    queueMicrotask(() => {
      stop.abort();
    });
    return Promise.reject(broken('ECONNRESET'));
  };
  const slow = { retries: 5, retryDelay: 1_000_000 };
  const error = await t.throwsAsync(withRetries(attempt, slow, 'image', stop.signal), {
    instanceOf: PackferryError,
  });
  t.is(error.code, 'E_INTERRUPTED');
});
