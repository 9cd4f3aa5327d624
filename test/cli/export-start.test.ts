import test from 'ava';
import { loadedWithAction } from '../helpers/loaded-with.ts';

test('export: its start loads the client of registries, and none of engines and of SSH', async (t) => {
  const loaded = await loadedWithAction('export');
  t.true(loaded.some((file) => file.endsWith('registry/http/connection.js')));
  t.deepEqual(
    loaded.filter((name) => ['dockerode', 'ssh2', 'undici'].includes(name)),
    [],
  );
  t.deepEqual(
    loaded.filter((file) => /engine\/connect-engine\.js$|ssh\/connect\.js$/.test(file)),
    [],
  );
});
