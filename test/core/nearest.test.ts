import test from 'ava';
import { nearestName } from '../../src/core/nearest.ts';

const keys = ['schema', 'name', 'packs', 'images', 'platform', 'registries'];

const finds = test.macro({
  exec: (t, wanted: string, found: string | undefined) => t.is(nearestName(wanted, keys), found),
  title: (_, wanted: string, found: string | undefined) => `"${wanted}" is near ${found ?? 'nothing'}`,
});

test(finds, 'pakcs', 'packs');
test(finds, 'pack', 'packs');
test(finds, 'packss', 'packs');
test(finds, 'Packs', 'packs');
test(finds, 'NAME', 'name');
test(finds, 'plattform', 'platform');
test(finds, 'registrys', 'registries');
test(finds, 'registry', undefined);
test(finds, 'registires', 'registries');
test(finds, 'colour', undefined);
test(finds, 'x', undefined);
test(finds, '', undefined);

test('of equally near names the first counts', (t) => {
  t.is(nearestName('bat', ['cat', 'hat']), 'cat');
});

test('there is no nearest of nothing', (t) => {
  t.is(nearestName('packs', []), undefined);
});
