import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { configuredEndpoints, repositoriesOf } from '../../src/registry/endpoint.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { RegistrySettings } from '../../src/registry/options.ts';

const leadsTo = test.macro({
  exec(t, registry: string, settings: RegistrySettings, expected: string[]) {
    t.deepEqual(addressesOf(`${registry}/a/b`, { [registry]: settings }), expected);
  },
  title: (title) => `endpoint: ${title ?? ''}`,
});

function addressesOf(image: string, registries: Record<string, RegistrySettings>): string[] {
  const found = repositoriesOf(parseReference(image), new Map(Object.entries(registries)));
  return found.map(({ endpoint, path }) => `${endpoint.origin}/v2/${path}`);
}

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
test('HTTPS to loopback with certificates of its own', leadsTo, 'localhost:5000', { ca: 'PEM' }, [
  'https://localhost:5000/v2/a/b',
]);
test(
  'plain HTTP to a mirror on this machine, although its registry has certificates of its own',
  leadsTo,
  'r.example',
  { ca: 'PEM', mirrors: ['localhost:5000'] },
  ['http://localhost:5000/v2/a/b', 'https://r.example/v2/a/b'],
);
test(
  'mirrors first, with prefix, and with the registry’s plainHttp',
  leadsTo,
  'docker.io',
  { mirrors: ['m.example:5000/hub', 'n.example'], plainHttp: true },
  ['http://m.example:5000/v2/hub/a/b', 'http://n.example/v2/a/b', 'http://registry-1.docker.io/v2/a/b'],
);

const below = test.macro({
  exec(t, image: string, registries: Record<string, RegistrySettings>, expected: string[]) {
    t.deepEqual(addressesOf(image, registries), expected);
  },
  title: (title) => `endpoint: ${title ?? ''}`,
});

test(
  'a location takes the place of the registry, which is not asked any more',
  below,
  'demisto/python3:3',
  { 'docker.io': { location: 'xsoar-registry.example' } },
  ['https://xsoar-registry.example/v2/demisto/python3'],
);
test(
  'a location takes the place of a path, and only of that path',
  below,
  'demisto/python3:3',
  { 'docker.io/demisto': { location: 'r.example/xsoar/content', mirrors: ['m.example'] } },
  ['https://m.example/v2/python3', 'https://r.example/v2/xsoar/content/python3'],
);
test(
  'without a location, a key with a path leaves the registry where it is',
  below,
  'ghcr.io/acme/tool:1',
  { 'ghcr.io/acme': { mirrors: ['m.example/acme'] } },
  ['https://m.example/v2/acme/tool', 'https://ghcr.io/v2/acme/tool'],
);
test(
  'the longest key counts, alone',
  below,
  'demisto/python3:3',
  {
    'docker.io': { mirrors: ['m.example'] },
    'docker.io/demisto': { location: 'r.example/demisto' },
    'docker.io/demisto/python': { location: 'never.example/x' },
  },
  ['https://r.example/v2/demisto/python3'],
);
test(
  'a key may be one repository',
  below,
  'demisto/python3:3',
  { 'docker.io/demisto/python3': { location: 'r.example/py' } },
  ['https://r.example/v2/py'],
);
test(
  'what is set for a mirror itself wins over what is set where it is named',
  below,
  'a/b:1',
  {
    'docker.io': { mirrors: ['m.example', 'n.example'], plainHttp: false },
    'm.example': { plainHttp: true },
  },
  ['http://m.example/v2/a/b', 'https://n.example/v2/a/b', 'https://registry-1.docker.io/v2/a/b'],
);

test('endpoint refused: a location that leaves no repository', (t) => {
  const registries = { 'docker.io/demisto/python3': { location: 'r.example' } };
  const error = t.throws(() => addressesOf('demisto/python3:3', registries), { instanceOf: PackferryError });
  t.is(error.code, 'E_ENDPOINT_INVALID');
});

const refused = test.macro({
  exec(t, mirror: string) {
    const error = t.throws(() => configuredEndpoints(new Map([['docker.io', { mirrors: [mirror] }]])), {
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
