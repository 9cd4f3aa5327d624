import { appendFile, cp, rm, stat, truncate } from 'node:fs/promises';
import test from 'ava';
import { damageIn } from '../../src/core/errors.ts';
import { withHarmedBundle } from '../helpers/damaged-bundle.ts';
import { withThreatBundle } from '../helpers/threat-bundle.ts';

test('threat 7: every file, cut to nothing, to one byte, by its last byte: refused by name', async (t) => {
  await withThreatBundle(async ({ files, at, folder, refused, open }) => {
    for (const name of files) {
      const { size } = await stat(at(name));
      await cp(at(name), `${folder}/kept`);
      // The last byte of a signature is the line feed behind it, which says nothing.
      const last = name.endsWith('.sig') ? size - 2 : size - 1;
      for (const length of [0, 1, last]) {
        await truncate(at(name), length);
        await refused(t, name, `${name} cut to ${length}`);
        await cp(`${folder}/kept`, at(name));
      }
    }
    await t.notThrowsAsync(open());
  });
});

test('threat 7: archives, cut to 512 KiB: refused by name, with every blob behind the cut', async (t) => {
  await withHarmedBundle(async ({ archives, at, faultOf }) => {
    for (const { file, size, blobs } of archives) {
      t.true(size > 512 * 1024);
      await truncate(at(file), 512 * 1024);
      const fault = await faultOf();
      const lost = blobs.filter((blob) => blob.offset + blob.size > 512 * 1024).map(({ digest }) => digest);
      t.deepEqual(
        damageIn(fault)
          ?.blobs.filter(({ archive }) => archive === file)
          .map(({ digest, why }) => `${digest} ${why}`),
        lost.map((digest) => `${digest} missing`),
      );
      t.true(fault.message.includes(file) || fault.errors.some(({ message }) => message.includes(file)));
    }
  });
});

test('threat 7: every file, taken away: refused by name', async (t) => {
  await withThreatBundle(async ({ files, at, folder, refused }) => {
    for (const name of files) {
      await cp(at(name), `${folder}/kept`);
      await rm(at(name));
      await refused(t, name, `${name} taken away`);
      await cp(`${folder}/kept`, at(name));
    }
  });
});

test('threat 7: bundle.json that has grown beyond its limit is damage, told with all other', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await truncate(at('bundle.json'), 2 ** 40);
    await truncate(at('images-002.tar'), 10);
    for (const name of ['bundle.json', 'images-002.tar']) await refused(t, name);
  });
});

test('threat 7: all files that are short or missing are told in one run', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await truncate(at('images-001.tar'), 1000);
    await truncate(at('README.txt'), 1);
    await rm(at('images-002.tar'));
    for (const name of ['images-001.tar', 'images-002.tar', 'README.txt']) await refused(t, name);
  });
});

test('threat 7: an archive that goes on behind its end', async (t) => {
  await withThreatBundle(async ({ at, refused }) => {
    await appendFile(at('images-001.tar'), Buffer.alloc(1024));
    await refused(t, 'images-001.tar');
  });
});

for (const name of ['images-001.tar', 'bundle.json', 'SHA256SUMS', 'packs/Sample.zip']) {
  test(`threat 7: import of a bundle whose ${name} was cut short touches no target`, async (t) => {
    await withThreatBundle(async ({ at, refusedOnCommandLine }) => {
      await truncate(at(name), 10);
      await refusedOnCommandLine(t, name);
    });
  });
}
