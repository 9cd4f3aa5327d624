import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { silent, type Event } from '../../src/core/events.ts';
import { Refusal } from '../../src/core/http-faults.ts';
import { HostWaits } from '../../src/registry/host-waits.ts';
import { backOff, withRetries, type RetryPolicy } from '../../src/registry/retry.ts';

function policyOf(changes: Partial<RetryPolicy> = {}, emit = silent): RetryPolicy {
  const { maxWait = 600_000 } = changes;
  return { retries: 3, retryDelay: 1, maxWait, waits: new HostWaits(maxWait, emit), ...changes };
}

function refused(status: number, retryAfter?: number, elsewhere = false): PackferryError {
  return new PackferryError('E_SOURCE_UNREACHABLE', `image: host answers ${status}`, {
    cause: new Refusal(status, retryAfter, elsewhere),
  });
}

function broken(code: string): PackferryError {
  return new PackferryError('E_SOURCE_UNREACHABLE', 'image: broken', {
    cause: Object.assign(new Error(code), { code }),
  });
}

const request = { host: 'host', what: 'image' };

test('retry: the wait doubles, with jitter, and has an end', (t) => {
  for (const [tries, most] of [
    [0, 100],
    [3, 800],
    [50, 30_000],
  ] as const) {
    const delay = backOff(tries, { retryDelay: 100, maxWait: 600_000 });
    t.true(delay >= most / 2 && delay <= most, `${delay} after ${tries}`);
  }
  t.true(backOff(50, { retryDelay: 100, maxWait: 1000 }) <= 1000, 'no wait is longer than allowed');
});

const tries = test.macro({
  async exec(t, error: PackferryError, expected: number) {
    let attempts = 0;
    const attempt = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(error);
    };
    t.is(await t.throwsAsync(withRetries(attempt, policyOf(), request)), error);
    t.is(attempts, expected);
  },
  title: (title) => `retry: ${title ?? ''}`,
});

test('a reset is tried again, as often as allowed', tries, broken('ECONNRESET'), 4);
test('a name that does not exist is final', tries, broken('ENOTFOUND'), 1);
test('a bad certificate is final', tries, broken('DEPTH_ZERO_SELF_SIGNED_CERT'), 1);
for (const status of [408, 429, 499, 500, 502, 503, 504, 522]) {
  test(`${status} is tried again`, tries, refused(status), 4);
}
for (const status of [400, 401, 403, 404, 416, 501]) test(`${status} is final`, tries, refused(status), 1);
test('403 from the storage is tried again', tries, refused(403, undefined, true), 4);
test('404 from the storage is final', tries, refused(404, undefined, true), 1);

test('retry: a host that asks for patience is left alone by all requests', async (t) => {
  const events: Event[] = [];
  const policy = policyOf({}, (event) => events.push(event));
  const asked = performance.now();
  const starts: number[] = [];
  let refusals = 0;
  const attempt = (): Promise<string> => {
    starts.push(performance.now() - asked);
    if (refusals > 0) return Promise.resolve('good');
    refusals += 1;
    return Promise.reject(refused(429, 300));
  };
  const first = withRetries(attempt, policy, request);
  await new Promise(setImmediate);
  const others = [1, 2, 3].map(() => withRetries(attempt, policy, request));
  t.deepEqual(await Promise.all([first, ...others]), ['good', 'good', 'good', 'good']);
  t.is(starts.length, 5);
  for (const start of starts.slice(1)) t.true(start >= 295, String(start));
  t.deepEqual(events, [], 'a wait of a moment is not told');
});

test('retry: a longer wait is told once, with its end, however many meet it', async (t) => {
  const events: Event[] = [];
  const stop = new AbortController();
  const policy = policyOf({}, (event) => events.push(event));
  const attempt = (): Promise<never> => Promise.reject(refused(503, 60_000));
  const runs = ['one', 'two'].map((what) =>
    withRetries(attempt, policy, { host: 'host', what, signal: stop.signal }),
  );
  await new Promise(setImmediate);
  stop.abort();
  for (const run of runs) {
    t.is((await t.throwsAsync(run, { instanceOf: PackferryError })).code, 'E_INTERRUPTED');
  }
  t.is(events.length, 1);
  const [event] = events;
  if (event?.type !== 'waiting') throw new Error('no wait is told');
  t.is(event.what, 'host');
  t.true(event.reason.includes('host answers 503'));
  t.true(event.milliseconds > 59_000 && event.milliseconds <= 60_000);
  t.true(Math.abs(Date.parse(event.until) - Date.now() - 60_000) < 30_000);
});

test('retry: a wait that is longer than allowed ends the request, and says when it would go on', async (t) => {
  const events: Event[] = [];
  const policy = policyOf({ maxWait: 120_000 }, (event) => events.push(event));
  let attempts = 0;
  const attempt = (): Promise<never> => {
    attempts += 1;
    return Promise.reject(refused(429, 3_600_000));
  };
  for (const what of ['one', 'two']) {
    const error = await t.throwsAsync(withRetries(attempt, policy, { host: 'host', what }), {
      instanceOf: PackferryError,
    });
    t.is(error.code, 'E_RATE_LIMITED');
    t.true(error.message.startsWith(`${what}: host `), error.message);
    const [, time = ''] = /until (\S+Z)/.exec(error.message) ?? [];
    t.true(Math.abs(Date.parse(time) - Date.now() - 3_600_000) < 60_000, error.message);
    t.true(error.hint?.includes('--max-wait'));
  }
  t.is(attempts, 1, 'the second request need not ask to know');
  t.deepEqual(events, []);
});

test('retry: pulls that are used up are spared, everything else is still asked for', async (t) => {
  const policy = policyOf();
  const usedUp = new PackferryError('E_RATE_LIMITED', 'manifest: host answers 429', {
    cause: new Refusal(429, 3_600_000, false, true),
  });
  const manifest = { host: 'host', what: 'manifest', asks: 'pulls' } as const;
  let attempts = 0;
  const attempt = (): Promise<never> => {
    attempts += 1;
    return Promise.reject(usedUp);
  };
  for (let times = 0; times < 2; times += 1) {
    const error = await t.throwsAsync(withRetries(attempt, policy, manifest), { instanceOf: PackferryError });
    t.is(error.code, 'E_RATE_LIMITED');
  }
  t.is(attempts, 1);
  t.is(await withRetries(() => Promise.resolve('blob'), policy, request), 'blob');
});

test('retry: an abort ends the wait', async (t) => {
  const stop = new AbortController();
  const attempt = (): Promise<never> => {
    queueMicrotask(() => {
      stop.abort();
    });
    return Promise.reject(broken('ECONNRESET'));
  };
  const slow = policyOf({ retryDelay: 1_000_000 });
  const error = await t.throwsAsync(withRetries(attempt, slow, { ...request, signal: stop.signal }), {
    instanceOf: PackferryError,
  });
  t.is(error.code, 'E_INTERRUPTED');
});
