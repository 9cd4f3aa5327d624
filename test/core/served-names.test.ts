import test from 'ava';
import { isRepositoryPath, parseReference } from '../../src/core/reference.ts';
import { pathMeant, servedPathOf } from '../../src/core/served-names.ts';

const served = test.macro<[reference: string, expected: string]>({
  exec(t, reference, expected) {
    const { registry, repository } = parseReference(reference);
    t.is(servedPathOf({ registry, repository }), expected);
    t.true(isRepositoryPath(expected));
    t.is(pathMeant(repository, registry), expected, 'the same for a client of a mirror');
    t.is(pathMeant(expected), expected, 'and for its own path');
  },
  title: (_title, reference, expected) => `${reference} is served as ${expected}`,
});

test(served, 'demisto/python3', 'demisto/python3');
test(served, 'alpine', 'library/alpine');
test(served, 'ghcr.io/acme/tool', 'ghcr.io/acme/tool');
test(served, 'Registry.Example/tool', 'registry.example/tool');
test(served, 'registry.example:5000/tool', 'registry.example__5000/tool');
test(served, 'localhost/custom', 'localhost/custom');
test(served, '[2001:db8::1]:5000/tool', 'ip6_20010db8000000000000000000000001__5000/tool');

const meant = test.macro<[name: string, registry: string | undefined, expected: string | undefined]>({
  exec(t, name, registry, expected) {
    t.is(pathMeant(name, registry), expected);
  },
  title: (_title, name, registry) => `meant by ${name} of ${registry ?? 'this registry'}`,
});

test(meant, 'alpine', undefined, 'library/alpine');
test(meant, 'docker.io/demisto/python3', undefined, 'demisto/python3');
test(meant, 'docker.io/alpine', undefined, 'library/alpine');
test(meant, 'library/alpine', 'docker.io', 'library/alpine');
test(meant, 'demisto/python3', 'registry-1.docker.io', 'demisto/python3');
test(meant, 'demisto/python3', 'quay.io', 'quay.io/demisto/python3');
test(meant, 'demisto/python3', '../etc', undefined);
test(meant, 'demisto/python3', '', undefined);
