import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { formatReference, parseReference } from '../../src/core/reference.ts';
import { pinnedByName } from '../../src/flows/pinned-by-name.ts';
import { smallFamily } from '../helpers/compose.ts';
import { errorOf } from '../helpers/pack-folder.ts';

const [image, other] = smallFamily().images;
if (image === undefined || other === undefined) throw new Error('no samples');

/** An engine that knows its images by name only, as one does that unpacks them; and what it was asked for. */
function forgetful(held: LockedImage): { source: ImageSource; asked: string[] } {
  const asked: string[] = [];
  const source: ImageSource = {
    name: 'docker:',
    resolve: (reference) => {
      asked.push(formatReference(reference));
      if (reference.digest === undefined) return Promise.resolve(held);
      return Promise.reject(new PackferryError('E_IMAGE_NOT_FOUND', 'no such digest here'));
    },
    openBlob: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  };
  return { source: pinnedByName(source), asked };
}

const pinned = parseReference(`localhost/custom:1@${image.manifest.digest}`);

test('an image of which an engine forgot the digest is found by its name when it has that digest', async (t) => {
  const { source, asked } = forgetful(image);
  t.is(await source.resolve(pinned, defaultPlatform), image);
  t.deepEqual(asked, [formatReference(pinned), 'localhost/custom:1']);
});

test('when the name stands for another image now, it is not found', async (t) => {
  const { source } = forgetful(other);
  const error = await errorOf(t, 'E_IMAGE_NOT_FOUND', () => source.resolve(pinned, defaultPlatform));
  t.is(error.message, 'no such digest here');
});

test('a digest without a name leads nowhere', async (t) => {
  const { source, asked } = forgetful(image);
  const nameless = parseReference(`localhost/custom@${image.manifest.digest}`);
  await errorOf(t, 'E_IMAGE_NOT_FOUND', () => source.resolve(nameless, defaultPlatform));
  t.is(asked.length, 1);
});
