import { stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openBundle } from '../../src/bundle/open.ts';
import { silent } from '../../src/core/events.ts';
import { fixtureTime } from '../helpers/bundle-fixture.ts';
import { countingReads } from '../helpers/counting-reads.ts';
import { withHarmedBundle } from '../helpers/damaged-bundle.ts';

for (const deep of [false, true]) {
  test.serial(`every byte of a bundle is read once${deep ? ', also with deep' : ''}`, async (t) => {
    await withHarmedBundle(async ({ dir, allowed }) => {
      await countingReads(path.join(dir, 'README.txt'), async (counts) => {
        const bundle = await openBundle(dir, { allowed, now: fixtureTime, emit: silent, deep });
        for (const { file, bytes } of bundle.files) {
          const { ino, size } = await stat(path.join(dir, file));
          t.is(bytes, size);
          t.is(counts.get(ino), size, file);
        }
        t.true(bundle.files.length >= 6);
      });
    });
  });
}
