import test from 'ava';
import { keysFor, normalizeAuthKey, serverOf } from '../../../src/registry/credentials/auth-key.ts';

const means = test.macro({
  exec(t, key: string, meaning: string) {
    t.is(normalizeAuthKey(key), meaning);
  },
  title: (_title, key: string, meaning: string) => `auth key: ${key} means ${meaning}`,
});

for (const key of [
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'https://index.docker.io/v1/',
  'https://index.docker.io/v1',
  'index.docker.io/v1/',
  'https://registry-1.docker.io/v2/',
])
  test(means, key, 'docker.io');
test(means, 'https://r.example:5000/some/path', 'r.example:5000');
test(means, 'http://r.example', 'r.example');
test(means, 'r.example/v2/', 'r.example');
test(means, 'R.Example', 'r.example');
test(means, 'r.example/team/app', 'r.example/team/app');
test(means, 'docker.io/demisto', 'docker.io/demisto');

test('auth key: the closest path comes first, the host last', (t) => {
  t.deepEqual(keysFor('r.example:5000', 'a/b/c'), [
    'r.example:5000/a/b/c',
    'r.example:5000/a/b',
    'r.example:5000/a',
    'r.example:5000',
  ]);
  t.deepEqual(keysFor('index.docker.io', ''), ['docker.io']);
});

test('auth key: helpers know Docker Hub under its old address', (t) => {
  t.is(serverOf('docker.io'), 'https://index.docker.io/v1/');
  t.is(serverOf('r.example:5000'), 'r.example:5000');
});
