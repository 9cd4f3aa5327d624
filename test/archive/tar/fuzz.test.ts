import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { readSave } from '../../../src/archive/save/read-save.ts';
import { savedImages } from '../../../src/archive/save/saved-images.ts';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { tempDir } from '../../helpers/compose.ts';
import { readBlob } from '../../helpers/image-reading.ts';
import { randomFrom, type Random } from '../../helpers/random.ts';
import { dialects } from '../../helpers/saves.ts';
import { tarOf } from '../../helpers/tar-file.ts';

const runs = 1500;
const name = 'docker.io/demisto/sample:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 600) }] });
const image = composeImage({ base, files: [{ path: 'top', content: noise('top', 300) }] });
const archives = Object.values(dialects).map((write) => tarOf(write([{ name, image }])));

type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** A place that matters more often than content does: some header. */
const inHeader = (bytes: Buffer, random: Random): number => 512 * random(bytes.length / 512) + random(512);

const mutations: readonly Mutation[] = [
  (bytes, random) => set(bytes, random(bytes.length), random(256)),
  (bytes, random) => set(bytes, inHeader(bytes, random), [0, 0x20, 0x30, 0x37, 0x80, 0xff][random(6)] ?? 0),
  // With the sum made right again, so that the reader sees more than a wrong checksum.
  (bytes, random) => resum(set(bytes, inHeader(bytes, random), random(256)), random),
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => Buffer.concat([bytes, bytes.subarray(random(bytes.length))]),
  (bytes, random) => {
    const at = 512 * random(bytes.length / 512);
    const length = 512 * random(8);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  },
  (bytes, random) => {
    const from = 512 * random(bytes.length / 512);
    const to = 512 * random(bytes.length / 512);
    return Buffer.concat([
      bytes.subarray(0, to),
      bytes.subarray(from, from + 512 * random(12)),
      bytes.subarray(to),
    ]);
  },
];

function set(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[Math.min(at, changed.length - 1)] = value;
  return changed;
}

function resum(bytes: Buffer, random: Random): Buffer {
  const start = 512 * random(bytes.length / 512);
  const block = bytes.subarray(start, start + 512);
  if (block.length < 512) return bytes;
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

async function* pieces(bytes: Buffer, random: Random): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random(3000);
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

test(`${runs} damaged archives: each is refused with a word on why, or means the image that it meant`, async (t) => {
  let refused = 0;
  for (let run = 0; run < runs; run += 1) {
    const random = randomFrom(run);
    let bytes = archives[run % archives.length] ?? Buffer.alloc(0);
    for (let count = 0; count <= random(3); count += 1) {
      if (bytes.length > 512) bytes = mutations[random(mutations.length)]?.(bytes, random) ?? bytes;
    }
    try {
      const { images } = savedImages(await readSave(pieces(bytes, random), { name: 'x.tar' }));
      for (const { config, layers } of images) {
        t.is(config.digest, image.config.descriptor.digest, `run ${run}`);
        const found = layers.map(({ file, diffId }) => [file?.diffId ?? diffId, diffId]);
        t.deepEqual(
          found,
          image.layers.map(({ diffId }) => [diffId, diffId]),
          `run ${run}`,
        );
      }
    } catch (fault) {
      if (!(fault instanceof PackferryError)) throw new Error(`run ${run}`, { cause: fault });
      t.not(fault.code, 'E_INTERNAL', `run ${run}`);
      refused += 1;
    }
  }
  t.true(refused > runs / 2, `${refused} refused`);
});

test('damaged files from end to end: what comes out is the image, byte for byte, or an error', async (t) => {
  const dir = await tempDir(t);
  for (let run = 0; run < 60; run += 1) {
    const random = randomFrom(10_000 + run);
    const bytes = mutations[run % 3]?.(archives[random(archives.length)] ?? Buffer.alloc(0), random);
    const file = path.join(dir, 'save.tar');
    await writeFile(file, bytes ?? '');
    try {
      const source = await openDockerArchive(file, { spoolDir: path.join(dir, 'spool') });
      const locked = await source.resolve(parseReference(name), defaultPlatform);
      t.is(locked.config.digest, image.config.descriptor.digest, `run ${run}`);
      for (const layer of locked.layers) {
        const content = await readBlob(source, locked, layer);
        t.is(digestOf(gunzipSync(content)), layer.diffId, `run ${run}`);
      }
      await source.close();
    } catch (fault) {
      t.true(fault instanceof PackferryError, `run ${run}: ${String(fault)}`);
    }
  }
});
