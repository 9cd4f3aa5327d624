import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { DeprecatedImages } from '../../src/pack/deprecated-images.ts';
import { isBelow, parseOrganization } from '../../src/pack/policy-organizations.ts';
import { judge, type Policy } from '../../src/pack/policy.ts';
import type { ImageUse } from '../../src/schema/parts.ts';

const policy: Policy = {
  organizations: ['demisto', 'demistoextended'].flatMap(parseOrganization),
  ...{ thirdParty: 'warn', latest: 'warn', deprecated: 'warn', zstd: 'warn', witness: 'ignore' },
};
const list: DeprecatedImages = new Map([
  ['docker.io/demisto/old', { since: '2022-05-31', reason: 'Use the new one.' }],
]);

function use(key: string, line: number, kind: ImageUse['kind'] = 'script'): ImageUse {
  return { pack: 'P', item: 'X', kind, file: 'P/x.yml', line, column: 1, key };
}

interface Case {
  readonly key?: string;
  readonly kind?: ImageUse['kind'];
  readonly set?: Partial<Policy>;
}

/** `rule severity` of every finding. */
const finds = test.macro(
  (t, image: string, { key = 'dockerimage', kind = 'script', set }: Case, found: string[]) => {
    const judged = { reference: parseReference(image), usedBy: [use(key, 3, kind)] };
    const findings = judge([judged], { ...policy, ...set }, list);
    t.deepEqual(
      findings.map(({ rule, severity }) => `${rule} ${severity}`),
      found,
    );
    for (const finding of findings) t.like(finding, { file: 'P/x.yml', line: 3 });
  },
);

test('a vendor image with a version', finds, 'demisto/python3:3.12', {}, []);
test('the other organisation', finds, 'demistoextended/x:1', {}, []);
test("the vendor's other registry", finds, 'gcr.io/xsoar-registry/demistoextended/x:1', {}, []);
test('the same name on a foreign registry', finds, 'evil.example/demisto/python3:1', {}, [
  'third-party warning',
]);
test('a name that only begins like it', finds, 'demistofake/python3:1', {}, ['third-party warning']);
test('an official image of Docker Hub', finds, 'python:3', {}, ['third-party warning']);
test('third parties forbidden', finds, 'acme/x:1', { set: { thirdParty: 'error' } }, ['third-party error']);
test('third parties allowed', finds, 'acme/x:1', { set: { thirdParty: 'allow' } }, []);
test('latest', finds, 'demisto/x:latest', {}, ['latest warning']);
test('no tag', finds, 'demisto/pytan', {}, ['latest warning']);
test('latest forbidden', finds, 'demisto/x', { set: { latest: 'error' } }, ['latest error']);
test('latest is locked anyway', finds, 'demisto/x', { set: { latest: 'resolve' } }, []);
test('latest with a digest', finds, `demisto/x:latest@sha256:${'a'.repeat(64)}`, {}, []);
test('only a digest', finds, `demisto/x@sha256:${'a'.repeat(64)}`, {}, []);
test('a deprecated image', finds, 'demisto/old:1', {}, ['deprecated warning']);
test('deprecated and forbidden', finds, 'demisto/old:1', { set: { deprecated: 'error' } }, [
  'deprecated error',
]);
test('deprecated and ignored', finds, 'demisto/old:1', { set: { deprecated: 'ignore' } }, []);
test('a namesake of a deprecated image', finds, 'demistoextended/old:1', {}, []);
test('a native image of an item', finds, 'demisto/py3-native:8.8', {}, ['native warning']);
test('a native image in its own key', finds, 'demisto/py3-native:8.8', { key: 'nativeimage' }, []);
test(
  'a native image of a manifest',
  finds,
  'demisto/py3-native:8.8',
  { key: 'images', kind: 'manifest' },
  [],
);
test('a default image', finds, 'demisto/python:1.3-alpine', { key: 'type' }, ['no-image warning']);
test('several rules', finds, 'acme/x', {}, ['latest warning', 'third-party warning']);

test('a finding has the name of the resolved image, the number of the SDK, the first use, and counts them', (t) => {
  const image = {
    reference: parseReference(`demisto/old:1@sha256:${'a'.repeat(64)}`),
    usedBy: [use('dockerimage', 3), use('dockerimage', 9)],
  };
  t.deepEqual(judge([image], policy, list), [
    {
      ...{ rule: 'deprecated', sdkRule: 'DO105', reference: 'docker.io/demisto/old:1', severity: 'warning' },
      message: 'deprecated since 2022-05-31: Use the new one. (2 uses)',
      ...{ file: 'P/x.yml', line: 3 },
    },
  ]);
});

const allows = test.macro((t, organization: string, image: string, isAllowed: boolean) => {
  t.is(isBelow(parseOrganization(organization), parseReference(image)), isAllowed);
});

test('an organisation', allows, 'acme', 'acme/x', true);
test('an organisation of another registry', allows, 'acme', 'ghcr.io/acme/x', false);
test('an organisation with its registry', allows, 'ghcr.io/acme', 'ghcr.io/acme/x', true);
test('below an organisation', allows, 'ghcr.io/acme', 'ghcr.io/acme/team/x', true);
test('beside an organisation', allows, 'ghcr.io/acme', 'ghcr.io/acme2/x', false);
test('a whole registry', allows, 'registry.example:5000', 'registry.example:5000/a/x', true);
test('official images', allows, 'library', 'python', true);

const noOrganization = test.macro((t, text: string) => {
  const error = t.throws(() => parseOrganization(text), { instanceOf: PackferryError });
  t.is(error.code, 'E_MANIFEST_INVALID');
});

test('capitals', noOrganization, 'Acme/X');
test('a tag', noOrganization, 'demisto/ml:1');
test('a pattern', noOrganization, 'demi*');
test('a slash at the end', noOrganization, 'demisto/');
