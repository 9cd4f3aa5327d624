import { Readable } from 'node:stream';
import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { Chain, type ChainLink } from '../../src/flows/chain.ts';
import { ReuseCount } from '../../src/flows/reuse.ts';
import { parseSource } from '../../src/flows/source-endpoint.ts';

const blob = { mediaType: 'application/octet-stream', digest: digestOf(Buffer.from('blob')), size: 4 };
const image: LockedImage = {
  reference: 'docker.io/demisto/python3:1',
  platform: { os: 'linux', architecture: 'amd64' },
  manifest: blob,
  config: blob,
  layers: [],
  source: 'registry:',
};

const giving: ImageSource = {
  name: 'registry:',
  resolve: () => Promise.resolve(image),
  openBlob: () => Promise.resolve(Readable.from([Buffer.from('blob')])),
  splits: () => true,
  close: () => Promise.resolve(),
};

function chainOf(...urls: readonly string[]): Chain {
  const links = urls.map((url): ChainLink => {
    return { endpoint: parseSource(url, (path) => path), open: () => Promise.resolve(giving) };
  });
  return new Chain(links, () => undefined);
}

test('that a registry gives parts of blobs is known behind what counts reuse and behind a chain', async (t) => {
  t.true(new ReuseCount().source(giving).splits?.(image));

  const chain = chainOf('registry:', 'registry://mirror.example');
  t.false(chain.splits(image), 'nothing has answered yet');
  await chain.openBlob(image, blob);
  t.true(chain.splits(image));
});

test('no parts are asked for where something steps in that would give the whole blob', async (t) => {
  const chain = chainOf('registry:', 'oci:/srv/images');
  await chain.openBlob(image, blob);
  t.false(chain.splits(image));
});
