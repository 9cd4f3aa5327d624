import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { formatSize, parseSize } from '../../src/core/size.ts';

const reads = test.macro({
  exec: (t, written: string | number, bytes: number) => t.is(parseSize(written), bytes),
  title: (_, written: string | number) => `parseSize reads ${JSON.stringify(written)}`,
});

test(reads, 1, 1);
test(reads, 4294967295, 4294967295);
test(reads, '4294967295', 4294967295);
test(reads, '512B', 512);
test(reads, '1K', 1000);
test(reads, '1KB', 1000);
test(reads, '1Ki', 1024);
test(reads, '1KiB', 1024);
test(reads, '700MB', 700_000_000);
test(reads, '4G', 4_000_000_000);
test(reads, '4GiB', 4 * 1024 ** 3);
test(reads, '2TB', 2_000_000_000_000);
test(reads, '2TiB', 2 * 1024 ** 4);
test(reads, '4 GiB', 4 * 1024 ** 3);
test(reads, '4gib', 4 * 1024 ** 3);
test(reads, '4.7GB', 4_700_000_000);
test(reads, '2.3GB', 2_300_000_000);
test(reads, '1.5KiB', 1536);
test(reads, '9007199254740991', Number.MAX_SAFE_INTEGER);

const refuses = test.macro({
  exec: (t, written: string | number) => {
    const error = t.throws(() => parseSize(written), { instanceOf: PackferryError });
    t.is(error.code, 'E_USAGE');
  },
  title: (_, written: string | number) => `parseSize refuses ${typeof written} ${written}`,
});

test(refuses, '');
test(refuses, 'GiB');
test(refuses, '-1');
test(refuses, '+1');
test(refuses, 0);
test(refuses, '0GiB');
test(refuses, '0.4');
test(refuses, '1,5GB');
test(refuses, '1e9');
test(refuses, '0x10');
test(refuses, '4 GiB ');
test(refuses, '4iB');
test(refuses, '4PB');
test(refuses, '4GiBB');
test(refuses, '.5GB');
test(refuses, '9007199254740992');
test(refuses, '9999999999TiB');
test(refuses, 1.5e300);
test(refuses, NaN);
test(refuses, Infinity);

const shows = test.macro({
  exec: (t, bytes: number, text: string) => t.is(formatSize(bytes), text),
  title: (_, bytes: number, text: string) => `formatSize shows ${bytes} as ${text}`,
});

test(shows, 0, '0 B');
test(shows, 1023, '1023 B');
test(shows, 1024, '1.0 KiB');
test(shows, 1_258_291, '1.2 MiB');
test(shows, 1024 ** 2 - 1, '1.0 MiB');
test(shows, 1024 ** 3, '1.0 GiB');
test(shows, 2 ** 32 - 1, '4.0 GiB');
test(shows, 1500 * 1024 ** 4, '1500.0 TiB');

test('what formatSize shows is within a twentieth of a unit of the size', (t) => {
  for (let bytes = 1; bytes < 2 ** 50; bytes = bytes * 3 + 1) {
    const [amount = '', unit = ''] = formatSize(bytes).split(' ');
    const step = parseSize(`1${unit}`);
    t.true(Math.abs(Number(amount) * step - bytes) <= step * 0.0501, formatSize(bytes));
  }
});
