import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { onDisk } from '../../src/archive/atomic-file.ts';
import { PackferryError } from '../../src/core/errors.ts';

test('a full disk is told with the name of the file', async (t) => {
  const write = onDisk('/target/blob', () => writeFile('/dev/full', 'x'));
  const error = await t.throwsAsync(write, { instanceOf: PackferryError, code: 'E_DISK_FULL' });
  t.true(error.message.includes('/target/blob'), error.message);
  t.truthy(error.hint);
});
