import test from 'ava';
import { rerunHint } from '../../src/cli/rerun-hint.ts';

test('after a stop only commands that keep something promise that', (t) => {
  t.is(rerunHint('export'), 'Run the same command again: it goes on where this one stopped.');
  t.regex(rerunHint('import'), /again: images that are there by now are not brought again\.$/);
  t.is(rerunHint('verify'), 'Run the same command again.');
  t.is(rerunHint(undefined), 'Run the same command again.');
});
