import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { composedBlobs, composeImage, noise } from '../../bin/demo/sample-images.ts';
import { partsOf } from '../../src/archive/archive-parts.ts';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive } from '../../src/archive/plan.ts';
import { planStubArchive } from '../../src/archive/stub-archive.ts';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import { lockComposed } from '../helpers/compose.ts';

const base = composeImage({ files: [{ path: 'os', content: noise('os', 5000) }] });
const image = composeImage({ base, files: [{ path: 'app', content: noise('app', 700) }] });
const locked = lockComposed('docker.io/demisto/sample:parts', image);
const blobs = new Map<Digest, Buffer>(
  composedBlobs(image).map(({ descriptor, bytes }) => [descriptor.digest, bytes]),
);
const without = new Set(locked.layers.slice(0, 1).map(({ digest }) => digest));

for (const [name, plan] of [
  ['in full', planArchive([locked], { commitRecord: 'last' })],
  ['thin', planArchive([locked], { commitRecord: 'last', without })],
  ['with stubs', planStubArchive(locked, without)],
] as const) {
  test(`an archive ${name} is its parts, one behind the other, and each is what its digest says`, async (t) => {
    const bytesOf = (digest: Digest): Buffer => blobs.get(digest) ?? Buffer.alloc(0);
    const openBlob = ({ digest }: { readonly digest: Digest }): Promise<Readable> =>
      Promise.resolve(Readable.from([bytesOf(digest)]));
    const whole = await buffer(emitArchive(plan, { openBlob, name: locked.reference }));
    const contents = partsOf(plan).map((part) => {
      const content = part.kind === 'frame' ? part.content : bytesOf(part.digest);
      t.is(digestOf(content), part.digest);
      t.is(content.length, part.size);
      return content;
    });
    t.true(Buffer.concat(contents).equals(whole));
    // The commit record is in the last one: without it engines keep nothing.
    t.true(contents.at(-1)?.includes('manifest.json'));
    t.false(Buffer.concat(contents.slice(0, -1)).includes('manifest.json'));
  });
}
