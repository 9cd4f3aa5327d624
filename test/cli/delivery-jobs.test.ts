import test from 'ava';
import { deliveryJobs } from '../../src/cli/delivery-jobs.ts';

test('one engine over SSH gets more images at a time: a long way has room for several channels', (t) => {
  t.is(deliveryJobs(undefined, ['ssh://engine1']), 4);
  t.is(deliveryJobs(undefined, ['docker:']), 2);
  t.is(deliveryJobs(undefined, []), 2);
});

test('several engines over SSH share the way out, and do not multiply what is on it', (t) => {
  t.is(deliveryJobs(undefined, ['ssh://engine1', 'ssh://engine2']), 2);
});

test('what is asked for counts, wherever it goes', (t) => {
  t.is(deliveryJobs(1, ['ssh://engine1']), 1);
  t.is(deliveryJobs(7, ['docker:']), 7);
});
