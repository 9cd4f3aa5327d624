import test from 'ava';
import { readIdentities } from '../../src/ssh/identities.ts';

test('a key file that is not there is told where somebody has named it, in words and once', async (t) => {
  const told: string[] = [];
  const file = '/nonexistent/id';
  t.deepEqual(await readIdentities([file], (why) => told.push(why), false), []);
  t.deepEqual(told, [`${file}: there is no such file`]);
  t.deepEqual(await readIdentities([file], (why) => told.push(why), true), []);
  t.is(told.length, 1, 'of those that ssh looks for by itself nobody expects each');
});
