import test from 'ava';
import { damageLines } from '../../../src/cli/text/damage.ts';
import type { BundleDamage, LostBlob } from '../../../src/core/damage.ts';
import { digestOf } from '../../../src/core/digest.ts';

const sha256 = 'a'.repeat(64);

function damageWith(blobs: readonly LostBlob[], blobsKnown = true): BundleDamage {
  return {
    bundle: { sumsSha256: sha256 },
    files: [{ file: 'images-001.tar', sha256, why: 'damaged' }],
    blobs,
    blobsKnown,
  };
}

function blob(number: number, images: number, items: number): LostBlob {
  return {
    digest: digestOf(Buffer.from(String(number))),
    size: 512,
    kind: 'layer',
    archive: 'images-001.tar',
    offset: number * 1024,
    why: 'damaged',
    intactIn: [],
    images: Array.from({ length: images }, (_, image) => ({
      reference: `image:${image}`,
      items: Array.from({ length: items }, (_none, item) => ({
        pack: 'P',
        kind: 'script',
        item: String(item),
      })),
    })),
  };
}

test('long lists are shortened, each with the number of what is left out', (t) => {
  const lines = damageLines(damageWith(Array.from({ length: 30 }, (_, at) => blob(at, 9, 8))));
  t.is(lines.filter((line) => line.startsWith('  layer ')).length, 20);
  t.is(lines.at(-2), '  and 10 more blobs');
  t.is(lines.at(-1), 'Lost in all: 1 file, 30 blobs (15.0 KiB) and 9 images.');
  t.is(lines.filter((line) => line === '    and 4 more images').length, 20);
  t.is(lines.filter((line) => line === '      and 3 more items').length, 100);
});

test('one that is left out is one', (t) => {
  t.true(damageLines(damageWith([blob(1, 6, 1)])).includes('    and 1 more image'));
});

test('names from the bundle cannot command the terminal', (t) => {
  const [lost] = [blob(1, 1, 1)];
  const evil = {
    reference: 'a\u001b[2J',
    items: [{ pack: '\u202ex', kind: 'script' as const, item: 'a\nb' }],
  };
  const text = damageLines(damageWith([{ ...lost, images: [evil] }])).join('');
  t.false(/[\u001b\u202e\n]/.test(text));
});

test('without bundle.json no image is promised to be whole', (t) => {
  t.regex(damageLines(damageWith([], false)).at(-1) ?? '', /not known which images/);
});

test('what a manifest names stands there without a pack', (t) => {
  const items = [{ pack: '', kind: 'manifest', item: 'soc' } as const];
  const named = { ...blob(1, 1, 0), images: [{ reference: 'image:1', items }] };
  t.true(damageLines(damageWith([named])).includes('      manifest soc'));
});
