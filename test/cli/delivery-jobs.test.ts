import test from 'ava';
import { deliveryJobs } from '../../src/cli/delivery-jobs.ts';

const [far, near] = [{ isOverSsh: true }, { isOverSsh: false }];

test('one engine over SSH gets more images at a time: a long way has room for several channels', (t) => {
  t.is(deliveryJobs(undefined, [far]), 4);
  t.is(deliveryJobs(undefined, [near]), 2);
  t.is(deliveryJobs(undefined, []), 2);
});

test('several engines over SSH share the way out, and do not multiply what is on it', (t) => {
  t.is(deliveryJobs(undefined, [far, far]), 2);
});

test('what is asked for counts, wherever it goes', (t) => {
  t.is(deliveryJobs(1, [far]), 1);
  t.is(deliveryJobs(7, [near]), 7);
});
