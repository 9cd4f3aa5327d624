import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import {
  checkOsPackage,
  installCommand,
  managerOf,
  type PackageManager,
} from '../../../src/flows/build/os-package.ts';

const takes = test.macro({
  exec(t, manager: PackageManager, text: string) {
    t.notThrows(() => checkOsPackage(text, manager));
    t.notThrows(() => checkOsPackage(text));
  },
  title: (_, manager: PackageManager, text: string) => `${manager} takes ${text}`,
});
for (const text of ['libxml2', 'py3-lxml', 'gtk+3.0', 'libxml2=2.13.4-r5', 'nodejs~20', 'g++'])
  test(takes, 'apk', text);
for (const text of [
  'libxml2',
  'libstdc++6',
  'g++',
  'libc6:amd64',
  'libxml2=2.9.14+dfsg-1.3~deb12u1',
  'x=1:2.0',
])
  test(takes, 'apt', text);
for (const text of ['libxml2', 'libxml2-2.9.13-6.el9', 'perl-Text', 'libstdc++']) test(takes, 'dnf', text);

const refuses = test.macro({
  exec(t, text: string) {
    for (const manager of ['apk', 'apt', 'dnf', undefined] as const) {
      const error = t.throws(() => checkOsPackage(text, manager), { instanceOf: PackferryError });
      t.is(error.code, 'E_BUILD_INVALID');
      t.not(error.hint, undefined);
    }
  },
  title: (_, text) => `no package: ${JSON.stringify(text).slice(0, 60)}`,
});
for (const text of [
  ...[
    '',
    ' ',
    '-y',
    '--allow-untrusted',
    '--',
    'python3-',
    './local.deb',
    '/tmp/x.rpm',
    '@group',
    'a b',
    'a,b',
  ],
  ...[
    'a;id',
    'a&&id',
    'a|id',
    '$(id)',
    '`id`',
    'a$HOME',
    'a\nRUN id',
    'a\\',
    'a"',
    "a'",
    'a#b',
    'a>b>c',
    'a*',
    'a?',
  ],
  ...['http://evil.example/x.apk', 'a\u0000', 'a\u202e', '\u0430', '='],
  'x'.repeat(300),
])
  test(refuses, text);

test('names are arguments of a script that never changes, not part of it', (t) => {
  for (const manager of ['apt', 'dnf'] as const) {
    const [shell, flag, script, ...words] = installCommand(manager, ['libxml2', 'wget']);
    t.deepEqual([shell, flag, ...words], ['/bin/sh', '-c', manager, 'libxml2', 'wget']);
    t.is(script, installCommand(manager, ['other'])[2]);
    t.true(script?.includes('"$@"'));
  }
});

const recognised = test.macro({
  exec(t, text: string, manager: PackageManager | undefined) {
    t.is(managerOf(text), manager);
    // Engines hand words on in one line.
    t.is(managerOf(text.replaceAll('\n', ' ')), manager);
  },
  title: (title) => `os-release of ${title}`,
});
test('Alpine', recognised, 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.0', 'apk');
test('Debian', recognised, 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian', 'apt');
test('Ubuntu', recognised, 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian', 'apt');
test('a child of Debian', recognised, 'ID=kali\nID_LIKE=debian', 'apt');
test('Red Hat', recognised, 'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"', 'dnf');
test('Rocky', recognised, 'ID="rocky"\nID_LIKE="rhel centos fedora"', 'dnf');
test('a system that is not known', recognised, 'ID=plan9\nVERSION_ID=alpine', undefined);
test('nothing', recognised, '', undefined);
