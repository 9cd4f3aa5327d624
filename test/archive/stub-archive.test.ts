import test from 'ava';
import { planArchive } from '../../src/archive/plan.ts';
import { planStubArchive } from '../../src/archive/stub-archive.ts';
import { hexOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { smallFamily } from '../helpers/compose.ts';

const [image] = smallFamily().images as [LockedImage];
const [base, top] = image.layers as unknown as [LockedImage['layers'][0], LockedImage['layers'][0]];

test('thin: only the blobs that are named stay out, the records name them all the same', (t) => {
  const full = planArchive([image], { commitRecord: 'last' });
  const thin = planArchive([image], { commitRecord: 'last', without: new Set([base.digest]) });
  const names = (plan: typeof full): string[] => plan.entries.map(({ name }) => name);
  t.deepEqual(
    names(thin),
    names(full).filter((name) => !name.endsWith(hexOf(base.digest))),
  );
  t.deepEqual(thin.entries.at(-1), { ...full.entries.at(-1), ...placeOf(thin.entries.at(-1)) } as never);
});

test('stubs: layers that are held are files without content, the others are blobs; the record comes last', (t) => {
  const { entries } = planStubArchive(image, new Set([base.digest]));
  t.deepEqual(
    entries.map(({ name, kind, size }) => [name, kind, size]),
    [
      [`${hexOf(base.diffId)}.tar`, 'document', 0],
      [`${hexOf(top.diffId)}.tar`, 'blob', top.size],
      [`${hexOf(image.config.digest)}.json`, 'blob', image.config.size],
      ['manifest.json', 'document', entries.at(-1)?.size],
    ],
  );
  const record = entries.at(-1);
  t.deepEqual(record?.kind === 'document' ? JSON.parse(record.content.toString()) : undefined, [
    {
      Config: `${hexOf(image.config.digest)}.json`,
      RepoTags: [image.reference],
      Layers: [`${hexOf(base.diffId)}.tar`, `${hexOf(top.diffId)}.tar`],
    },
  ]);
});

test('stubs: a layer that stands in an image twice is there once', (t) => {
  const twice = { ...image, layers: [base, top, base] };
  const { entries } = planStubArchive(twice, new Set());
  t.is(entries.filter(({ name }) => name === `${hexOf(base.diffId)}.tar`).length, 1);
});

function placeOf(entry: { readonly headerOffset: number; readonly dataOffset: number } | undefined): object {
  return { headerOffset: entry?.headerOffset, dataOffset: entry?.dataOffset };
}
