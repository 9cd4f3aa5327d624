import test from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import { excludeImages, familiarName, matchesImage, unusedPatterns } from '../../src/flows/exclude.ts';

const names = test.macro((t, pattern: string, image: string, isNamed: boolean) => {
  t.is(matchesImage(pattern, parseReference(image)), isNamed);
});
const digest = `sha256:${'a'.repeat(64)}`;

test('all tags', names, 'demisto/ml:*', 'demisto/ml:1.0', true);
test('all tags of one written in full', names, 'demisto/ml:*', 'docker.io/demisto/ml:1.0', true);
test('in full', names, 'docker.io/demisto/ml:*', 'demisto/ml:1.0', true);
test('without a tag', names, 'demisto/ml', 'demisto/ml:1.0', true);
test('another tag', names, 'demisto/ml:2.*', 'demisto/ml:1.0', false);
test('a longer name', names, 'demisto/ml:*', 'demisto/mlurlphishing:1.0', false);
test('an organisation', names, 'demisto/*', 'demisto/ml:1.0', true);
test('the same on another registry', names, 'demisto/ml:*', 'ghcr.io/demisto/ml:1.0', false);
test('on any registry', names, '**/ml', 'ghcr.io/demisto/ml:1.0', true);
test('an official image', names, 'python:3', 'python:3', true);
test('an official image with its folder', names, 'library/python:*', 'python:3', true);
test('a port', names, 'registry.example:5000/**', 'registry.example:5000/a/b:1', true);
test('a tag beside a digest', names, 'demisto/ml:*', `demisto/ml:1@${digest}`, true);
test('a digest', names, 'demisto/ml@*', `demisto/ml@${digest}`, true);
test('no tag means latest', names, 'demisto/ml:latest', 'demisto/ml', true);

test('what is left out, by which pattern, and patterns of no use', (t) => {
  const wanted = ['demisto/a:1', 'demisto/b:1', 'x/c:1'].map((one) => ({
    reference: parseReference(one),
    usedBy: [],
  }));
  const patterns = ['demisto/z*', 'demisto/a', 'demisto/*'];
  const { kept, excluded } = excludeImages(wanted, patterns);
  t.deepEqual(kept, wanted.slice(2));
  t.deepEqual(
    excluded.map(({ wanted: { reference }, pattern }) => [reference.written, pattern]),
    [
      ['demisto/a:1', 'demisto/a'],
      ['demisto/b:1', 'demisto/*'],
    ],
  );
  t.deepEqual(unusedPatterns(wanted, patterns), ['demisto/z*']);
});

test('familiar names', (t) => {
  const familiar = ['docker.io/library/python', 'docker.io/demisto/ml', 'ghcr.io/a/b'];
  t.deepEqual(
    familiar.map((one) => familiarName(parseReference(one))),
    ['python', 'demisto/ml', 'ghcr.io/a/b'],
  );
});
