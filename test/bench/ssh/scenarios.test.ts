import test from 'ava';
import { chooseScenarios, scenarios } from '../../../bin/bench/ssh/scenarios.ts';

test('scenarios are chosen by parts of their names, all by the empty text', (t) => {
  t.deepEqual(chooseScenarios(['']), [...scenarios]);
  t.deepEqual(
    chooseScenarios(['far', 'fresh']).map(({ name }) => name),
    ['fresh', 'far away'],
  );
});

test('a text that names no scenario is refused: nothing would be measured, and nobody told', (t) => {
  t.throws(() => chooseScenarios(['fresh', 'nearby']), { message: /nearby/ });
});
