import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import test from 'ava';
import { checkArchive } from '../../src/archive/check.ts';
import { regionsOf } from '../../src/archive/regions.ts';
import { readDocument } from '../../src/bundle/read-document.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';
import { randomFrom } from '../helpers/random.ts';
import { withThreatBundle } from '../helpers/threat-bundle.ts';

test('threat 1: 200 random bytes of every file, each changed by itself: each is refused', async (t) => {
  await withThreatBundle(async ({ files, at, open, refused }) => {
    const random = randomFrom(20261123);
    for (const name of files) {
      const good = await readFile(at(name));
      for (let turn = 0; turn < 200; turn += 1) {
        const place = random(good.length);
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(place) ^ (1 << random(8)), place);
        await writeFile(at(name), bad);
        // A list that was changed shows in its signature.
        await refused(t, name === 'SHA256SUMS' ? 'SHA256SUMS.sig' : name, `${name} byte ${place}`);
      }
      await writeFile(at(name), good);
    }
    await t.notThrowsAsync(open());
  });
});

test('threat 1: every single byte of an archive counts, and the right member is named', async (t) => {
  await withThreatBundle(async ({ at }) => {
    const { volumes } = readDocument(await readFile(at('bundle.json')));
    for (const { file, plan } of volumes) {
      const bytes = await readFile(at(file));
      let next = 0;
      for (const { kind, entry, offset, size } of regionsOf(plan)) {
        t.is(offset, next, 'the members leave nothing out');
        next = offset + size;
        for (let place = offset; place < next; place += 1) {
          bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
          const { damage } = await checkArchive(Readable.from([bytes]), plan);
          bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
          const [found, ...more] = damage;
          const isRight = found?.kind === kind && found.entry === entry && found.offset === offset;
          if (!isRight || more.length > 0) t.fail(`${file} byte ${place}: ${JSON.stringify(damage)}`);
        }
      }
      t.is(next, bytes.length);
    }
  });
});

test('threat 1: a byte that is added, and one that is taken away, in every file', async (t) => {
  await withThreatBundle(async ({ files, at, refused }) => {
    for (const name of files) {
      const good = await readFile(at(name));
      const middle = Math.floor(good.length / 2);
      for (const bad of [
        Buffer.concat([good, Buffer.from([0])]),
        Buffer.concat([good, Buffer.from('\n')]),
        Buffer.concat([good.subarray(0, middle), Buffer.from([0]), good.subarray(middle)]),
        Buffer.concat([good.subarray(0, middle), good.subarray(middle + 1)]),
      ]) {
        await writeFile(at(name), bad);
        await refused(t, name === 'SHA256SUMS' ? 'SHA256SUMS.sig' : name);
      }
      await writeFile(at(name), good);
    }
  });
});

test('threat 1: a file and its line in the list, changed together: the signature does not fit', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await flipBit(at('images-001.tar'), 3000);
    const sha256 = createHash('sha256')
      .update(await readFile(at('images-001.tar')))
      .digest('hex');
    const list = await readFile(at('SHA256SUMS'), 'utf8');
    await writeFile(at('SHA256SUMS'), list.replace(/[0-9a-f]{64}(?= {2}images-001)/, sha256));
    const error = await refused(t, 'SHA256SUMS.sig');
    t.true(error instanceof PackferryError && error.code === 'E_SIGNATURE_INVALID');
  });
});

for (const name of ['images-001.tar', 'bundle.json', 'packs/Sample.zip', 'load.sh', 'SHA256SUMS.sig']) {
  test(`threat 1: import of a bundle with a changed ${name} touches no target`, async (t) => {
    await withThreatBundle(async ({ at, refusedOnCommandLine }) => {
      await flipBit(at(name), 20);
      await refusedOnCommandLine(t, name);
    });
  });
}
