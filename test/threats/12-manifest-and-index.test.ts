import test from 'ava';
import { exportOf } from '../helpers/crafted-export.ts';
import { hybrids, name } from '../helpers/crafted-saves.ts';

// In the archives of bundles they are refused in 11-tar-differentials.test.ts.

for (const [what, bytes] of Object.entries(hybrids)) {
  test(`threat 12: refused, and no bundle is written: ${what}`, async (t) => {
    const { status, stderr, isWritten } = await exportOf(bytes, name);
    t.is(status, 4, stderr);
    t.regex(stderr, /error\[E_ARCHIVE_MALFORMED\]: .*save\.tar: .*(index|manifest)\.json/);
    t.true(stderr.includes('\nhint: '), stderr);
    t.false(isWritten);
  });
}
