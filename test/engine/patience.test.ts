import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { watchIdle } from '../../src/engine/patience.ts';

test('a watch fires when there is no sign of life', async (t) => {
  const watch = watchIdle(5);
  await once(watch.signal, 'abort');
  watch.alive();
  t.true(watch.signal.aborted);
  watch.stop();
});

test('while somebody else is waited for it does not fire, and afterwards it counts anew', async (t) => {
  const watch = watchIdle(5);
  // Timers fire in their order, so the watch has had its chance.
  t.is(await watch.during(delay(50, 'ended')), 'ended');
  t.false(watch.signal.aborted);
  await once(watch.signal, 'abort');
  await t.throwsAsync(watch.during(Promise.reject(new Error('its own fault'))), { message: 'its own fault' });
  watch.stop();
});
