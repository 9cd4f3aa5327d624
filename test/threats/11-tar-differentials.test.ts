import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openDockerArchive } from '../../src/archive/docker-archive.ts';
import { emitArchive } from '../../src/archive/emit.ts';
import { planArchive } from '../../src/archive/plan.ts';
import { digestOf } from '../../src/core/digest.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { withBundleFixture, withFolder } from '../helpers/bundle-fixture.ts';
import { clean, differentials, duplicates, good, harmless, hybrids, name } from '../helpers/crafted-saves.ts';
import { exportOf } from '../helpers/crafted-export.ts';
import { replaceFile, signAgain } from '../helpers/signed-again.ts';

interface Emitted {
  readonly locked: LockedImage;
  /** Digest of the archive that an engine would be sent. */
  readonly archive: string;
}

/** Opens a save as a source, and makes the archive that an engine would be sent. */
async function emitted(bytes: Buffer): Promise<Emitted> {
  return withFolder(async (folder) => {
    const file = path.join(folder, 'save.tar');
    await writeFile(file, bytes);
    const source = await openDockerArchive(file, { spoolDir: path.join(folder, 'spool') });
    try {
      const locked = await source.resolve(parseReference(name), defaultPlatform);
      const chunks: Buffer[] = [];
      const openBlob: Parameters<typeof emitArchive>[1]['openBlob'] = (blob) => source.openBlob(locked, blob);
      for await (const chunk of emitArchive(planArchive([locked], { commitRecord: 'last' }), {
        name,
        openBlob,
      })) {
        chunks.push(chunk as Buffer);
      }
      return { locked, archive: digestOf(Buffer.concat(chunks)) };
    } finally {
      await source.close();
    }
  });
}

async function refused(t: ExecutionContext, bytes: Buffer): Promise<void> {
  const error = await t.throwsAsync(emitted(bytes), { instanceOf: PackferryError });
  const codes = ['E_ARCHIVE_MALFORMED', 'E_DIGEST_MISMATCH', 'E_IMAGE_MALFORMED', 'E_JSON_INVALID'];
  t.true(codes.includes(error.code), `${error.code}: ${error.message}`);
  t.true(error.message.includes('save.tar'), error.message);
}

for (const [what, bytes] of Object.entries(differentials)) {
  test(`threat 11: refused as a save: ${what}`, (t) => refused(t, bytes));
}

for (const [what, bytes] of Object.entries(harmless)) {
  test(`threat 11: gives what the clean save gives: ${what}`, async (t) => {
    const [wanted, got] = [await emitted(clean), await emitted(bytes)];
    t.is(got.locked.config.digest, good.config.descriptor.digest);
    t.deepEqual(
      got.locked.layers.map(({ diffId }) => diffId),
      wanted.locked.layers.map(({ diffId }) => diffId),
    );
    // A dialect with layers that are not compressed gives others of the same content.
    if (what !== 'another dialect') t.is(got.archive, wanted.archive);
  });
}

test('threat 11: every one of them is refused as the archive of a bundle, signed or not', async (t) => {
  await withBundleFixture(async ({ folder, write, open, signer }) => {
    const bundle = path.join(folder, 'bundle');
    await write(bundle);
    for (const [what, bytes] of Object.entries({
      ...differentials,
      ...duplicates,
      ...hybrids,
      ...harmless,
      clean,
    })) {
      await replaceFile(bundle, 'images-001.tar', bytes);
      for (const isSigned of [false, true]) {
        if (isSigned) await signAgain(bundle, signer, { 'images-001.tar': bytes });
        const error = await t.throwsAsync(open(bundle), { instanceOf: PackferryError }, what);
        t.is(error.code, 'E_SIZE_MISMATCH', `${what}: ${error.message}`);
        t.true(error.message.includes('images-001.tar'), error.message);
      }
    }
  });
});

test('threat 11: through the command line: the reason is told, and no bundle is written', async (t) => {
  const ran = await exportOf(differentials['one block of zeros, and more members'] ?? clean, name);
  t.is(ran.status, 4, ran.stderr);
  t.regex(ran.stderr, /error\[E_ARCHIVE_MALFORMED\]: .*save\.tar: only half of an end mark/);
  t.false(ran.isWritten);
  const fine = await exportOf(harmless['gzip around the whole archive'] ?? clean, name);
  t.is(fine.status, 0, fine.stderr);
  t.true(fine.isWritten);
});
