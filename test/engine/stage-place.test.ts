import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { freeBytes } from '../../src/engine/ssh-room.ts';
import { checkOwn, readRoot } from '../../src/engine/stage/far-place.ts';

const printed = (root: string, ...above: readonly string[]): string =>
  ['1000 1000 /home/op/.cache/packferry-stage', root, ...above].map((line) => `${line}\n`).join('');

const line = (mode: string, owner = 1000, group = owner): string =>
  `${mode} 2 ${owner} ${group} 4096 Nov 25 20:00 /somewhere`;

const own = line('drwx------');
const top = line('drwxr-xr-x', 0);

const accepted = test.macro({
  exec(t, output: string) {
    t.deepEqual(readRoot(output, 'ssh://far'), { path: '/home/op/.cache/packferry-stage', uid: 1000 });
  },
  title: (what) => `a folder for staging is taken: ${what}`,
});
const refused = test.macro({
  exec(t, output: string) {
    const error = t.throws(() => readRoot(output, 'ssh://far'), { instanceOf: PackferryError });
    t.is(error.code, 'E_TARGET_UNWRITABLE');
    t.true(error.message.startsWith('ssh://far: '), error.message);
  },
  title: (what) => `a folder for staging is refused: ${what}`,
});

test(
  "the user's own, below folders of the user and of root",
  accepted,
  printed(own, line('drwxr-xr-x'), top),
);
test('SELinux and ACL leave a mark behind the mode', accepted, printed(line('drwx------.'), top));
test('below a folder like /tmp', accepted, printed(own, line('drwxrwxrwt', 0), top));
test(
  "below a folder that the user's own group may write to",
  accepted,
  printed(own, line('drwxrwxr-x'), top),
);

test('of somebody else', refused, printed(line('drwx------', 1001), top));
test('that the group may look into', refused, printed(line('drwxr-x---'), top));
test('that anybody may write to', refused, printed(line('drwx----w-'), top));
test('a link', refused, printed(line('lrwxrwxrwx'), top));
test('a file', refused, printed(line('-rw-------'), top));
test('below a folder of somebody else', refused, printed(own, line('drwxr-xr-x', 1001), top));
test('below one that anybody may write to', refused, printed(own, line('drwxrwxrwx', 0), top));
test('below one that another group may write to', refused, printed(own, line('drwxrwxr-x', 0), top));
test('of which nothing is told above', refused, printed(own));
test('with words that are no listing', refused, printed('total 0', top));
test('with no answer at all', refused, '');

test('the folder of one image: whose it is, and what may be done in it', (t) => {
  t.notThrows(() => checkOwn(own, 1000, 'here'));
  for (const one of [line('drwx------', 0), line('drwxrwx---'), line('lrwx------'), 'nonsense', ''])
    t.throws(() => checkOwn(one, 1000, 'here'), { code: 'E_TARGET_UNWRITABLE' }, one);
});

test('free room is read as POSIX has df print it; other words tell nothing', (t) => {
  const head = 'Filesystem 1024-blocks Used Available Capacity Mounted on';
  t.is(freeBytes([head, '/dev/mapper/vg-root 1000000 400000 600000 40% /']), 600_000 * 1024);
  t.is(freeBytes([head, 'tmpfs  2048  0  2048  0% /a path/with blanks']), 2048 * 1024);
  t.is(freeBytes([]), undefined);
  t.is(freeBytes([head]), undefined);
  t.is(freeBytes(['df: /x: No such file or directory']), undefined);
});
