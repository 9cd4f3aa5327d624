import { statfs } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { EngineFacts } from '../../src/engine/docker-facts.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { objectionsOf } from '../../src/engine/preflight.ts';
import { lockComposed } from '../helpers/compose.ts';

const locked = lockComposed(
  'docker.io/demisto/sample:1.0',
  composeImage({ files: [{ path: 'a', content: noise('a', 3000) }] }),
);
const inZstd = {
  ...locked,
  layers: locked.layers.map((layer) => ({ ...layer, mediaType: mediaTypes.ociLayerZstd })),
};
/** An image that is larger than any disk. */
const huge = { ...locked, layers: locked.layers.map((layer) => ({ ...layer, size: 2 ** 52 })) };

const amd64 = { os: 'linux', architecture: 'amd64' };
const docker: EngineFacts = { product: 'docker', idOf: 'config', version: '20.10.24', ...amd64 };
const here: EngineFacts = { ...docker, dataRoot: tmpdir(), host: hostname() };

/** The codes and first words of what speaks against it. */
async function against(facts: EngineFacts, image: LockedImage, isHeld = false): Promise<readonly string[]> {
  const held = new Set(isHeld ? image.layers.map(({ digest }) => digest) : []);
  // Nothing but its name and its facts is looked at.
  const engine = { name: 'docker:', facts } as unknown as Engine;
  const objections = await objectionsOf(engine, [image], () => held);
  return objections.map((one) => ('error' in one ? one.error.code : one.warning));
}

test('layers in zstd: Docker 20.10 cannot, 23 can, and so can whoever does not say', async (t) => {
  t.deepEqual(await against(docker, inZstd), ['E_ENGINE_TOO_OLD']);
  t.deepEqual(await against(docker, inZstd, true), []);
  t.deepEqual(await against({ ...docker, version: '23.0.1' }, inZstd), []);
  t.deepEqual(await against({ ...docker, version: 'dev' }, inZstd), []);
  t.deepEqual(await against({ ...docker, product: 'podman', version: '4.3.1' }, inZstd), []);
  t.deepEqual(await against({ ...docker, idOf: 'manifest' }, inZstd), []);
});

test('an engine that would have to emulate is told, not refused', async (t) => {
  const [warning, ...more] = await against({ ...docker, architecture: 'arm64' }, locked);
  t.regex(warning ?? '', /for linux\/amd64.*linux\/arm64/);
  t.deepEqual(more, []);
});

test('what certainly does not fit is refused, unless its layers are there', async (t) => {
  t.deepEqual(await against(here, huge), ['E_TARGET_FULL']);
  t.deepEqual(await against(here, huge, true), []);
  t.deepEqual(await against(here, locked), []);
});

test('what may fit after all only warns: a store elsewhere, a disk that compresses, the copy while loading', async (t) => {
  const { bavail, bsize } = await statfs(tmpdir());
  const tight = {
    ...locked,
    layers: locked.layers.map((layer) => ({ ...layer, size: (bavail * bsize) / 2 })),
  };
  for (const [facts, image] of [
    [{ ...here, idOf: 'manifest' }, huge],
    [{ ...here, driver: 'btrfs' }, huge],
    [here, tight],
  ] as const) {
    const [warning] = await against(facts, image);
    t.regex(warning ?? '', /free; the images may need/);
  }
});

test('nothing is said of the disk of another machine, or of one that cannot be looked at', async (t) => {
  t.deepEqual(await against({ ...here, host: 'elsewhere' }, huge), []);
  t.deepEqual(await against({ ...here, dataRoot: '/nonexistent/here' }, huge), []);
});
