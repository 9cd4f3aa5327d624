import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { formatReference } from '../../src/core/reference.ts';
import { imageOf, isUnknownLanguage } from '../../src/pack/image-use.ts';
import type { PackItem } from '../../src/pack/read-item.ts';

const place = { pack: 'P', file: 'P/x.yml', path: '/packs/P/x.yml' };

interface Written {
  readonly kind?: PackItem['kind'];
  readonly name?: string;
  readonly type?: string;
  readonly image?: string;
}

function item({ kind = 'script', name = 'X', type, image }: Written): PackItem {
  return {
    ...{ kind, name, id: name },
    type: type === undefined ? undefined : { value: type, line: 7, column: 3 },
    dockerimage: image === undefined ? undefined : { value: image, line: 9, column: 4 },
    ...{ dockerimage45: undefined, alternatives: [], native: undefined },
  };
}

const runsIn = test.macro((t, written: Written, reference: string | undefined) => {
  const use = imageOf(item(written), place, true);
  t.is(use && formatReference(use.reference), reference);
  t.is(use?.isDefault, reference === undefined ? undefined : written.image === undefined);
});

const python = 'docker.io/demisto/python:1.3-alpine';
const powershell = 'docker.io/demisto/powershell:6.2.3.5563';

test('python without image', runsIn, { type: 'python' }, python);
test('powershell without image', runsIn, { type: 'powershell' }, powershell);
test('javascript without image', runsIn, { type: 'javascript' }, undefined);
test('no language, no image', runsIn, {}, undefined);
test('an image wins over the default', runsIn, { type: 'python', image: 'a/b:1' }, 'docker.io/a/b:1');
test('javascript with an image', runsIn, { type: 'javascript', image: 'a/b:1' }, 'docker.io/a/b:1');
test('an image without language', runsIn, { image: 'a/b' }, 'docker.io/a/b:latest');
test('CommonServerPython gets no default', runsIn, { type: 'python', name: 'CommonServerPython' }, undefined);
test(
  'CommonServerUserPowerShell neither',
  runsIn,
  { type: 'powershell', name: 'CommonServerUserPowerShell' },
  undefined,
);
test('an ApiModule neither', runsIn, { type: 'python', name: 'AcmeApiModule' }, undefined);
test(
  'an ApiModule keeps its own image',
  runsIn,
  { type: 'python', name: 'AcmeApiModule', image: 'a/b:1' },
  'docker.io/a/b:1',
);
test(
  'an integration of such a name is none',
  runsIn,
  { kind: 'integration', type: 'python', name: 'AcmeApiModule' },
  python,
);

test('no defaults when they are not wanted', (t) => {
  t.is(imageOf(item({ type: 'python' }), place, false), undefined);
  t.not(imageOf(item({ type: 'python', image: 'a/b:1' }), place, false), undefined);
});

test('a use tells where it stands', (t) => {
  const { reference, ...rest } = imageOf(item({ type: 'python', image: 'a/b:1' }), place, true) ?? {};
  t.is(reference?.written, 'a/b:1');
  t.deepEqual(rest, {
    ...{ pack: 'P', item: 'X', kind: 'script', file: 'P/x.yml' },
    ...{ line: 9, column: 4, key: 'dockerimage', isDefault: false },
  });
});

test('a default stands at the type', (t) => {
  t.like(imageOf(item({ type: 'python' }), place, true), {
    line: 7,
    column: 3,
    key: 'type',
    isDefault: true,
  });
});

test('a value that is no reference names the real file', (t) => {
  const error = t.throws(() => imageOf(item({ image: 'A b' }), place, true), { instanceOf: PackferryError });
  t.is(error.code, 'E_PACK_INVALID');
  t.true(error.message.startsWith('/packs/P/x.yml:9:4: "A b" is no image reference: '), error.message);
  t.truthy(error.hint);
  t.true(error.cause instanceof PackferryError && error.cause.code === 'E_REFERENCE_INVALID');
});

test('languages of which nothing is known', (t) => {
  t.true(isUnknownLanguage(item({ type: 'ruby' })));
  t.false(isUnknownLanguage(item({ type: 'ruby', image: 'a/b:1' })));
  t.false(isUnknownLanguage(item({ type: 'javascript' })));
  t.false(isUnknownLanguage(item({})));
});
