import { getEventListeners } from 'node:events';
import test from 'ava';
import { abortWith } from '../../src/core/abort-with.ts';

test('what hangs on a signal aborts with it, for its reason', (t) => {
  const [whole, part] = [new AbortController(), new AbortController()];
  abortWith(part, whole.signal);
  t.false(part.signal.aborted);
  whole.abort('enough');
  t.is(part.signal.reason, 'enough');
});

test('a signal that has aborted before aborts at once what is hung on it', (t) => {
  const part = new AbortController();
  abortWith(part, AbortSignal.abort('before'));
  t.is(part.signal.reason, 'before');
});

test('what is let go neither aborts nor is kept by the signal', (t) => {
  const [whole, part] = [new AbortController(), new AbortController()];
  const letGo = abortWith(part, whole.signal);
  letGo();
  t.deepEqual(getEventListeners(whole.signal, 'abort'), []);
  whole.abort();
  t.false(part.signal.aborted);
});
