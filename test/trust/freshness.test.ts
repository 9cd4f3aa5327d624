import test from 'ava';
import type { Acceptance } from '../../src/schema/history.ts';
import { clockTolerance, judgeFreshness, type FreshnessFacts } from '../../src/trust/freshness.ts';
import { noPast } from '../../src/trust/past.ts';
import { defaultPolicy } from '../../src/trust/read-policy.ts';

const made = Date.parse('2026-11-23T05:00:00Z');
const day = 86_400_000;

const accepted = (sequence: number, sumsSha256 = 'a'.repeat(64)): Acceptance => ({
  kind: 'accepted',
  previous: '0'.repeat(64),
  at: '2026-11-23T05:00:00.000Z',
  stream: 'soc',
  sequence,
  sumsSha256,
  createdAt: '2026-11-23T05:00:00Z',
  signers: [],
});

const facts = (change: Partial<FreshnessFacts> = {}): FreshnessFacts => ({
  document: { name: 'soc', sequence: 42, createdAt: '2026-11-23T05:00:00Z' },
  sumsSha256: 'a'.repeat(64),
  past: { ...noPast, isFirstUse: false },
  rules: defaultPolicy,
  now: new Date(made),
  ...change,
});

const codesOf = (change: Partial<FreshnessFacts>): string[] =>
  judgeFreshness(facts(change)).refusals.map(({ code }) => code);

const past = (highest: number, same: readonly Acceptance[] = []): FreshnessFacts['past'] => ({
  isFirstUse: false,
  lastAt: new Date(made),
  highest: accepted(highest),
  last: accepted(highest),
  same,
});

test('how a bundle stands to those before it', (t) => {
  const standing = (of: FreshnessFacts['past']): string | undefined =>
    judgeFreshness(facts({ past: of })).standing;
  t.is(standing(undefined), undefined);
  t.is(standing(noPast), 'first-use');
  t.is(standing({ ...noPast, isFirstUse: false }), 'first-of-stream');
  t.is(standing(past(41)), 'newer');
  t.is(standing(past(42)), 'again');
  t.is(standing(past(43)), 'rollback');
});

test('clocks may differ by a day, and not by a moment more', (t) => {
  t.deepEqual(codesOf({ now: new Date(made - clockTolerance) }), []);
  t.deepEqual(codesOf({ now: new Date(made - clockTolerance - 1) }), ['E_CLOCK']);
  const later = { ...noPast, lastAt: new Date(made + 10 * day) };
  t.deepEqual(codesOf({ past: later, now: new Date(made + 9 * day) }), []);
  t.deepEqual(codesOf({ past: later, now: new Date(made + 9 * day - 1) }), ['E_CLOCK']);
});

test('the last moment of a bundle is still good, by its own word and by its age', (t) => {
  const document = { ...facts().document, expiresAt: '2026-12-03T05:00:00Z' };
  t.deepEqual(codesOf({ document, now: new Date(made + 10 * day) }), []);
  t.deepEqual(codesOf({ document, now: new Date(made + 10 * day + 1) }), ['E_BUNDLE_EXPIRED']);
  const rules = { ...defaultPolicy, maxAge: 864_000 };
  t.deepEqual(codesOf({ rules, now: new Date(made + 10 * day) }), []);
  t.deepEqual(codesOf({ rules, now: new Date(made + 10 * day + 1) }), ['E_BUNDLE_STALE']);
});

test('whichever end comes first is warned of, from four fifths of its life on', (t) => {
  const document = { ...facts().document, expiresAt: '2026-12-03T05:00:00Z' };
  const warned = (now: number, maxAge?: number): readonly string[] =>
    judgeFreshness(facts({ document, rules: { ...defaultPolicy, maxAge }, now: new Date(now) })).warnings;
  t.deepEqual(warned(made + 8 * day - 1), []);
  t.regex(warned(made + 8 * day)[0] ?? '', /until 2026-12-03T05:00:00\.000Z only/);
  t.regex(warned(made + 4 * day, 432_000)[0] ?? '', /until 2026-11-28T05:00:00\.000Z only/);
});

test('the alarm comes before all other reasons, and every reason is told', (t) => {
  const other = accepted(42, 'b'.repeat(64));
  const document = { ...facts().document, expiresAt: '2026-11-24T05:00:00Z' };
  const found = codesOf({ document, past: past(43, [other]), now: new Date(made + 2 * day) });
  t.deepEqual(found, ['E_EQUIVOCATION', 'E_BUNDLE_EXPIRED', 'E_ROLLBACK']);
});

test('a jump is measured from the highest number, and its largest size is allowed', (t) => {
  const rules = { ...defaultPolicy, maxSequenceJump: 10 };
  t.deepEqual(codesOf({ rules, past: past(32) }), []);
  t.deepEqual(codesOf({ rules, past: past(31) }), ['E_SEQUENCE_JUMP']);
  t.deepEqual(codesOf({ rules }), [], 'a stream begins anywhere');
});

test('a reason is no way back where the policy allows none, and is not needed for a newer bundle', (t) => {
  const rollbackReason = 'because';
  t.deepEqual(judgeFreshness(facts({ past: past(43), rollbackReason })).rollback, {
    from: 43,
    reason: 'because',
  });
  t.is(judgeFreshness(facts({ past: past(41), rollbackReason })).rollback, undefined);
  const rules = { ...defaultPolicy, allowRollback: false };
  t.deepEqual(codesOf({ past: past(43), rollbackReason, rules }), ['E_ROLLBACK']);
});
