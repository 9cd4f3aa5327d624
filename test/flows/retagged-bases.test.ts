import test from 'ava';
import type { Digest } from '../../src/core/digest.ts';
import { digestOf } from '../../src/core/digest.ts';
import { formatReference } from '../../src/core/reference.ts';
import { parseRetag } from '../../src/flows/retag.ts';
import { imagesOfBases } from '../../src/flows/retagged-bases.ts';
import type { RequiredBlob } from '../../src/schema/bundle.ts';

const digest = digestOf(Buffer.from('layer'));

function namesFor(image: string | undefined, ...rules: readonly string[]): string[] | undefined {
  const layer: RequiredBlob & { readonly digest: Digest } = {
    ...{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 5 },
    ...(image === undefined ? {} : { image }),
  };
  return imagesOfBases({ requires: [layer] }, rules.map(parseRetag))
    .get(digest)
    ?.map(formatReference);
}

test('an image of a base has its new name, and the one without the rules; a rule for others changes nothing', (t) => {
  const name = 'docker.io/demisto/python3:1';
  t.deepEqual(namesFor(name), [name]);
  t.deepEqual(namesFor(name, 'docker.io/demisto/*=soc/site-*'), ['docker.io/soc/site-python3:1', name]);
  t.deepEqual(namesFor(name, 'acme/*=soc/*'), [name]);
});

test('a layer of no named image is looked for all the same; a name that is none is no fault', (t) => {
  t.deepEqual(namesFor(undefined), []);
  t.deepEqual(namesFor('Not A Name!'), []);
});
