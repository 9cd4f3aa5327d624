import test from 'ava';
import { recordsOf, days, withStream, type StreamSite } from '../helpers/stream-site.ts';

/** A bundle that is good for 30 days. */
async function expiring({ made, manifestFor, host }: StreamSite, sequence: number): Promise<string> {
  const manifest = await manifestFor('expiring.yml', host, 'bundle: { expiresAfter: 30d }\n');
  return made(sequence, `expiring-${sequence}`, manifest);
}

test('threat 6: an expired bundle is refused, and no target is touched', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await expiring(site, 1);
    await site.refused(bundle, {
      code: 'E_BUNDLE_EXPIRED',
      names: ['soc 1 expired at 2026-12-23T05:00:00Z'],
      options: { now: days(30.1) },
    });
    await site.accepted(bundle, [], { now: days(30) });
  });
});

test('threat 6: shortly before a bundle expires, people are told', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await expiring(site, 1);
    t.notRegex((await site.accepted(bundle, [], { now: days(23) })).stderr, /ask for a newer bundle/);
    const late = await site.accepted(bundle, [], { now: days(25) });
    t.regex(late.stderr, /warning: soc 1 is accepted until 2026-12-23T05:00:00\.000Z only: ask for a newer/);
  });
});

test('threat 6: SOURCE_DATE_EPOCH does not bring an expired bundle back', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await expiring(site, 1);
    const options = { now: days(31), env: { SOURCE_DATE_EPOCH: '1795410000' } };
    await site.refused(bundle, { code: 'E_BUNDLE_EXPIRED', names: [], options });
  });
});

test('threat 6: a bundle older than the policy allows is refused, whatever it says itself', async (t) => {
  await withStream(t, async ({ made, accepted, refused, writePolicy }) => {
    const bundle = await made(1);
    await writePolicy({ maxAge: '14d' });
    const names = ['soc 1 of 2026-11-23T05:00:00Z is 15 days old', 'none after 2026-12-07T05:00:00.000Z'];
    await refused(bundle, { code: 'E_BUNDLE_STALE', names, options: { now: days(15) } });
    await accepted(bundle, [], { now: days(13) });
  });
});

test('threat 6: a bundle that never expires is refused where the policy asks for an end', async (t) => {
  await withStream(t, async (site) => {
    const endless = await site.made(1);
    await site.writePolicy({ requireExpiry: true });
    await site.refused(endless, { code: 'E_BUNDLE_STALE', names: ['soc 1 never expires', 'expiresAfter'] });
    await site.accepted(await expiring(site, 2));
  });
});

test('threat 6: a clock behind the last acceptance is refused: what has expired must not come back', async (t) => {
  await withStream(t, async (site) => {
    const { made, accepted, refused } = site;
    const [older, newer] = [await expiring(site, 1), await made(2)];
    await accepted(newer, [], { now: days(40) });
    const names = ['says 2026-12-03T05:00:00.000Z', 'recorded here on 2027-01-02T05:00:00.000Z', 'date -u'];
    await refused(newer, { code: 'E_CLOCK', names, options: { now: days(10) } });
    await refused(older, {
      code: 'E_CLOCK',
      names: ['2 faults', 'soc 1 is older than soc 2'],
      options: { now: days(10) },
    });
    await accepted(newer, [], { now: days(39.1) });
  });
});

test('threat 6: a clock does not walk back in small steps', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    await accepted(await made(1), [], { now: days(40) });
    await accepted(await made(2), [], { now: days(39.2) });
    await refused(await made(3), {
      code: 'E_CLOCK',
      names: ['2026-12-31T14:36:00.000Z'],
      options: { now: days(38.4) },
    });
  });
});

test('threat 6: a bundle from the future is refused: one of the two clocks is wrong', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    const bundle = await made(1, 'future', undefined, days(2));
    const names = ['says 2026-11-23T05:00:00.000Z', 'soc 1 was made at 2026-11-25T05:00:00Z'];
    await refused(bundle, { code: 'E_CLOCK', names });
    await accepted(bundle, [], { now: days(1.1) });
  });
});

test('threat 6: a clock that was wrong in the future is set right by a person, which is remembered', async (t) => {
  await withStream(t, async ({ made, accepted, refused, history, historyFile }) => {
    const bundle = await made(1);
    await accepted(bundle, [], { now: days(365) });
    await refused(bundle, { code: 'E_CLOCK', names: ['packferry history --reset-clock REASON'] });
    const reset = await history(['--reset-clock', 'battery replaced'], { now: days(0) });
    t.is(reset.status, 0, reset.stderr);
    t.like((await recordsOf(historyFile)).at(-1), { kind: 'clock', reason: 'battery replaced' });
    await accepted(bundle);
  });
});
