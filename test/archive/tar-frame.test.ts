import { open } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Header } from 'tar';
import { blockSize, endOfArchive, headerBlock, memberSize, paddingOf } from '../../src/archive/tar-frame.ts';
import { digestOf } from '../../src/core/digest.ts';
import { runTool, tempDir } from '../helpers/compose.ts';

const gib = 1024 ** 3;

test('a header block never changes: bundles of all times are checked against it', (t) => {
  const small = digestOf(headerBlock('oci-layout', 30));
  t.is(small, 'sha256:2797869226b1d1f548ac051a849b684a92c8943578e6dd6e9cf709350f50a6ff');
  const large = digestOf(headerBlock(`blobs/sha256/${'a'.repeat(64)}`, 20 * gib));
  t.is(large, 'sha256:28aafc9fc4455b33a0ec9bf63cbe9a28856dafb4dc8ab797762c3dfce31c5ef0');
});

const parsed = test.macro({
  exec(t, size: number) {
    const header = new Header(headerBlock('blobs/sha256/x', size));
    t.true(header.cksumValid);
    t.like(header, { path: 'blobs/sha256/x', type: 'File', mode: 0o444, uid: 0, gid: 0, size });
    t.is(header.mtime?.getTime(), 0);
  },
  title: (_, size: number) => `node-tar reads the header of a member of ${size} bytes`,
});
test(parsed, 0);
test(parsed, 511);
test(parsed, 8 * gib - 1);
test(parsed, 8 * gib);
test(parsed, 500 * gib);

const listedByTar = test.macro({
  async exec(t, size: number) {
    const file = path.join(await tempDir(t), 'sparse.tar');
    const handle = await open(file, 'w');
    await handle.write(headerBlock('large', size), 0, blockSize, 0);
    await handle.truncate(memberSize(size) + endOfArchive.length);
    await handle.close();
    const listing = await runTool(t, 'tar', ['-tvf', file]);
    if (listing !== undefined)
      t.regex(listing, new RegExp(`^-r--r--r-- 0/0 +${size} 1970-01-01 00:00 large\n$`));
    else t.pass();
  },
  title: (_, size: number) => `GNU tar lists a member of ${size} bytes`,
});
test(listedByTar, 8 * gib - 1);
test(listedByTar, 8 * gib);
test(listedByTar, 9 * gib + 17);

test('names that would not fit the header are refused', (t) => {
  t.notThrows(() => headerBlock('x'.repeat(99), 0));
  t.throws(() => headerBlock('x'.repeat(100), 0), { instanceOf: RangeError });
});

test('padding fills the last block', (t) => {
  t.deepEqual([0, 1, 511, 512, 513].map(paddingOf), [0, 511, 1, 0, 511]);
  t.deepEqual([0, 1, 512, 513].map(memberSize), [512, 1024, 1024, 1536]);
});
