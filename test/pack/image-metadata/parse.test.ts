import test from 'ava';
import { parsePackageLine } from '../../../src/pack/image-metadata/os-package.ts';
import { parseMetadata } from '../../../src/pack/image-metadata/parse.ts';
import { metadataText } from '../../helpers/metadata-folder.ts';

const sample = {
  image: 'demisto/python3',
  tag: '3.12.13.12042988',
  size: '29.75 MB',
  python: '3.12.13',
  pythonPackages: { PyYAML: '6.0.3', requests: '2.34.2' },
  osPackages: ['busybox-1.37.0-r31 x86_64 {busybox}', 'zlib-1.3.2-r0 x86_64 {zlib}'],
};

test('metadata: everything is read', (t) => {
  t.deepEqual(parseMetadata(metadataText(sample)), {
    image: 'demisto/python3',
    tag: '3.12.13.12042988',
    bytes: 31_195_136,
    created: '2026-08-18T03:02:19.102Z',
    python: '3.12.13',
    pythonPackages: [
      ['PyYAML', '6.0.3'],
      ['requests', '2.34.2'],
    ],
    osPackages: [
      ['busybox', '1.37.0-r31'],
      ['zlib', '1.3.2-r0'],
    ],
  });
});

test('metadata: the size may stand in backquotes, and no line before the first heading', (t) => {
  const text = metadataText({ ...sample, size: '`24.45 MB`' }).replace('`\n\n## Docker', '`\n## Docker');
  t.is(parseMetadata(text)?.bytes, Math.round(24.45 * 1_048_576));
});

test('metadata: the oldest files tell no size, and some images have neither Python nor packages', (t) => {
  const found = parseMetadata(metadataText({ image: 'demisto/powershell', tag: 'latest' }));
  t.like(found, { tag: 'latest', bytes: undefined, python: undefined });
  t.deepEqual([found?.pythonPackages, found?.osPackages], [[], []]);
});

test('metadata: the line ends of Windows change nothing', (t) => {
  const text = metadataText(sample);
  t.deepEqual(parseMetadata(text.replaceAll('\n', '\r\n')), parseMetadata(text));
});

const isNone = test.macro({
  exec: (t, text: string) => {
    t.is(parseMetadata(text), undefined);
  },
  title: (what) => `metadata: none in ${what ?? ''}`,
});
test('an empty file', isNone, '');
test('some other text', isNone, '# Docker images\n\n## Docker Metadata\n');
test('a title alone', isNone, '# `demisto/python3:1`\n');

const reads = test.macro({
  exec: (t, line: string, expected: readonly string[] | undefined) => {
    t.deepEqual(parsePackageLine(line), expected as readonly [string, string] | undefined);
  },
  title: (_, line) => `package line: ${JSON.stringify(line)}`,
});
test(reads, '* libcrypto1.1-1.1.1g-r0 x86_64 {openssl}', ['libcrypto1.1', '1.1.1g-r0']);
test(reads, '* ssl_client-1.37.0-r31 x86_64 {busybox}', ['ssl_client', '1.37.0-r31']);
test(reads, '* ca-certificates-20260611-r0 x86_64 {ca-certificates}', ['ca-certificates', '20260611-r0']);
test(reads, '* .python-rundeps-20260616.002526 noarch {.python-rundeps}', [
  '.python-rundeps',
  '20260616.002526',
]);
test(reads, '* libncursesw-6.6_p20260516-r0 x86_64 {ncurses}', ['libncursesw', '6.6_p20260516-r0']);
test(reads, '* g++-4.9\t4.9.2-10', ['g++-4.9', '4.9.2-10']);
test(reads, '* zlib1g:amd64\t1:1.2.8.dfsg-2+b1', ['zlib1g', '1:1.2.8.dfsg-2+b1']);
test(reads, "* 'world' cannot be", undefined);
test(reads, '* ', undefined);
test(reads, '', undefined);
