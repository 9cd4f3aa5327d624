import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { sumUp } from '../../src/core/sum-up.ts';

const mistake = (message: string, errors: readonly PackferryError[] = []): PackferryError =>
  new PackferryError('E_PACK_INVALID', message, { errors });

test('a single mistake stays as it is', (t) => {
  const only = mistake('a');
  t.is(sumUp('E_MANIFEST_INVALID', 'header', [only]), only);
  t.is(sumUp('E_MANIFEST_INVALID', 'header', [mistake('outer', [only])]), only);
});

test('several come in one error, flat and in order', (t) => {
  const [a, b, c] = [mistake('a'), mistake('b'), mistake('c')];
  const sum = sumUp('E_MANIFEST_INVALID', 'header', [a, mistake('outer', [b, c])]);
  t.is(sum.code, 'E_MANIFEST_INVALID');
  t.deepEqual(sum.errors, [a, b, c]);
});
