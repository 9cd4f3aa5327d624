import test from 'ava';
import { formatPlatform, parsePlatform, platformMatches } from '../../src/core/platform.ts';

for (const text of ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7', 'windows/amd64', 'linux/x86_64']) {
  test(`${text} is read and written the same`, (t) => t.is(formatPlatform(parsePlatform(text)), text));
}

test('a variant is present only when it was given', (t) => {
  t.deepEqual(parsePlatform('linux/amd64'), { os: 'linux', architecture: 'amd64' });
  t.deepEqual(parsePlatform('linux/arm/v7'), { os: 'linux', architecture: 'arm', variant: 'v7' });
});

for (const text of [
  '',
  'linux',
  'linux/',
  '/amd64',
  'linux/amd64/',
  'linux/arm/v7/x',
  'Linux/amd64',
  'linux/amd 64',
  'linux/amd64\n',
]) {
  test(`${JSON.stringify(text)} is no platform`, (t) => {
    t.throws(() => parsePlatform(text), { code: 'E_PLATFORM_INVALID' });
  });
}

const matches = test.macro({
  exec(t, offered: string, wanted: string, expected: boolean) {
    t.is(platformMatches(parsePlatform(offered), parsePlatform(wanted)), expected);
  },
  title: (_, offered: string, wanted: string, expected: boolean) =>
    `${offered} ${expected ? 'serves' : 'does not serve'} ${wanted}`,
});
test(matches, 'linux/amd64', 'linux/amd64', true);
test(matches, 'linux/arm64/v8', 'linux/arm64', true);
test(matches, 'linux/arm64/v8', 'linux/arm64/v8', true);
test(matches, 'linux/arm64', 'linux/arm64/v8', false);
test(matches, 'linux/arm/v6', 'linux/arm/v7', false);
test(matches, 'linux/arm64', 'linux/amd64', false);
test(matches, 'windows/amd64', 'linux/amd64', false);
