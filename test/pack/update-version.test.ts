import test from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import { comparableTags, isVendorImage, parseVendorTag } from '../../src/pack/update-version.ts';

const reads = test.macro({
  exec: (t, tag: string, expected: readonly [revision: number, line: string] | undefined) => {
    const found = parseVendorTag(tag);
    t.deepEqual(found && [found.revision, found.line], expected as [number, string] | undefined);
  },
  title: (_title, tag: string) => `tag: ${tag}`,
});
test(reads, '3.12.13.11694875', [11694875, '3.12']);
test(reads, '1.0.0.12345', [12345, '1.0']);
test(reads, '2.5.34.1.8544956', [8544956, '2.5']);
test(reads, '1.0.10133006', [10133006, '1.0']);
test(reads, '3.20230711.11024822', [11024822, '3.20230711']);
test(reads, '1.4', [4, '1']);
test(reads, 'latest', undefined);
test(reads, '1.3-alpine', undefined);
test(reads, '7', undefined);
test(reads, '', undefined);
test(reads, '1..2', undefined);
test(reads, 'v1.0.0.1', undefined);
test(reads, '0e4ecdc35264764dbb13d1bcb0e4ecdc35264764', undefined);
test(reads, `1.${'9'.repeat(16)}`, undefined);

test('tags: the revision decides, whatever the version is', (t) => {
  const tags = ['3.9.9.20', '3.12.13.9', 'latest', '3.10.1.100', '1.3-alpine', '2.7.18.99'];
  t.deepEqual(
    comparableTags(tags).map(({ tag }) => tag),
    ['3.12.13.9', '3.9.9.20', '2.7.18.99', '3.10.1.100'],
  );
});

const belongs = test.macro({
  exec: (t, reference: string, expected: boolean) => {
    t.is(isVendorImage(parseReference(reference)), expected);
  },
  title: (_title, reference: string, expected) =>
    `${expected ? 'of the vendor' : 'not of the vendor'}: ${reference}`,
});
test(belongs, 'demisto/python3:1', true);
test(belongs, 'devdemisto/powershell:7.6.0.4073794', true);
test(belongs, 'gcr.io/xsoar-registry/demistoextended/x:1', true);
test(belongs, 'registry.example:5000/hub/demisto/python3:1', true);
test(belongs, 'python:3', false);
test(belongs, 'demisto.example/python3:1', false);
test(belongs, 'ghcr.io/paloaltonetworks/panos_upgrade_assurance:latest', false);
