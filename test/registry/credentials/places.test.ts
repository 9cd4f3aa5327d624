import test from 'ava';
import { authFilePlaces } from '../../../src/registry/credentials/places.ts';

const me = { home: '/home/me', uid: 1000 };

test('places: podman’s files in its order, docker’s last', (t) => {
  const places = authFilePlaces({ ...me, environment: { XDG_RUNTIME_DIR: '/run/user/1000' } });
  t.deepEqual(
    places.map(({ file }) => file),
    [
      '/run/user/1000/containers/auth.json',
      '/home/me/.config/containers/auth.json',
      '/home/me/.docker/config.json',
    ],
  );
  t.false(places.some(({ named }) => named));
});

test('places: the variables that move them', (t) => {
  const environment = { XDG_CONFIG_HOME: '/conf', DOCKER_CONFIG: '/docker' };
  t.deepEqual(
    authFilePlaces({ ...me, environment }).map(({ file }) => file),
    ['/run/containers/1000/auth.json', '/conf/containers/auth.json', '/docker/config.json'],
  );
});

test('places: a file that is named stands alone, by the option before the variable', (t) => {
  const environment = { REGISTRY_AUTH_FILE: '/var.json', DOCKER_CONFIG: '/docker' };
  t.deepEqual(authFilePlaces({ ...me, environment }), [{ file: '/var.json', named: true }]);
  t.deepEqual(authFilePlaces({ ...me, environment, authFile: '/option.json' }), [
    { file: '/option.json', named: true },
  ]);
});
