import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { endpointsOf, repositoryAt } from '../../src/registry/endpoint.ts';
import type { RegistrySettings } from '../../src/registry/options.ts';

const leadsTo = test.macro({
  exec(t, registry: string, settings: RegistrySettings, expected: string[]) {
    const addresses = endpointsOf(registry, settings).map((endpoint) => {
      return `${endpoint.origin}/v2/${repositoryAt(endpoint, 'a/b').path}`;
    });
    t.deepEqual(addresses, expected);
  },
  title: (title) => `endpoint: ${title ?? ''}`,
});

test('Docker Hub answers under another name', leadsTo, 'docker.io', {}, [
  'https://registry-1.docker.io/v2/a/b',
]);
test('a host with a port', leadsTo, 'r.example:5000', {}, ['https://r.example:5000/v2/a/b']);
test('plain HTTP to 127.0.0.0/8', leadsTo, '127.8.9.1:5000', {}, ['http://127.8.9.1:5000/v2/a/b']);
test('plain HTTP to localhost', leadsTo, 'localhost:5000', {}, ['http://localhost:5000/v2/a/b']);
test('plain HTTP to ::1', leadsTo, '[::1]:5000', {}, ['http://[::1]:5000/v2/a/b']);
test('HTTPS to what only begins like loopback', leadsTo, '127.0.0.1.example', {}, [
  'https://127.0.0.1.example/v2/a/b',
]);
test('HTTPS to loopback when set', leadsTo, 'localhost:5000', { plainHttp: false }, [
  'https://localhost:5000/v2/a/b',
]);
test(
  'mirrors first, with prefix, and with the registry’s plainHttp',
  leadsTo,
  'docker.io',
  { mirrors: ['m.example:5000/hub', 'n.example'], plainHttp: true },
  ['http://m.example:5000/v2/hub/a/b', 'http://n.example/v2/a/b', 'http://registry-1.docker.io/v2/a/b'],
);

const refused = test.macro({
  exec(t, mirror: string) {
    const error = t.throws(() => endpointsOf('docker.io', { mirrors: [mirror] }), {
      instanceOf: PackferryError,
    });
    t.is(error.code, 'E_ENDPOINT_INVALID');
  },
  title: (_title, mirror) => `endpoint refused: ${JSON.stringify(mirror)}`,
});

for (const mirror of [
  'https://m.example',
  'm.example/',
  'm.example/UP',
  'm.example/../x',
  'u@m.example',
  '',
  'm:99999',
])
  test(refused, mirror);
