import { mkdir, readdir, readFile, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import { silent, type Event } from '../../src/core/events.ts';
import { limits } from '../../src/core/limits.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { removeUnusedDocuments } from '../../src/registry/document-folder-cleaning.ts';
import { DocumentFolder } from '../../src/registry/document-folder.ts';
import type { ImageDocument } from '../../src/registry/document-cache.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

function document(text: string, mediaType: string = mediaTypes.ociManifest): ImageDocument {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), mediaType, bytes };
}

const sample = document('{"a":\n1}');

test('documents: what is kept comes back, with its type, for another run too', async (t) => {
  await withFolder(async (root) => {
    const dir = path.join(root, 'not', 'there');
    const config = document('{"config":1}', '');
    const folder = new DocumentFolder(dir, silent);
    t.is(await folder.get(sample.digest), undefined);
    t.true(await folder.put(sample));
    t.true(await folder.put(config));
    const later = new DocumentFolder(dir, silent);
    t.deepEqual(await later.get(sample.digest), sample);
    t.deepEqual(await later.get(config.digest), config);
    const { mode } = await stat(path.join(dir, hexOf(sample.digest)));
    t.is(mode & 0o077, 0, 'manifests of private images are nobody else’s business');
  });
});

const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'a flipped bit': async (file) => {
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(file, bytes);
  },
  'the end is missing': async (file) => truncate(file, (await stat(file)).size - 1),
  'nothing but its name is left': (file) => truncate(file, 0),
  'larger than any document': (file) => truncate(file, limits.imageConfig + 1000),
  'a type with another letter': async (file) => {
    await writeFile(file, (await readFile(file, 'utf8')).replace('oci.image', 'oci.imagf'));
  },
  'no line with a type': async (file) => writeFile(file, sample.bytes.toString().replace('\n', ' ')),
};
for (const [title, damage] of Object.entries(damages)) {
  test(`documents: a damaged file is removed and counts as not there: ${title}`, async (t) => {
    await withFolder(async (dir) => {
      const folder = new DocumentFolder(dir, silent);
      await folder.put(sample);
      await damage(path.join(dir, hexOf(sample.digest)));
      t.is(await folder.get(sample.digest), undefined);
      t.deepEqual(await readdir(dir), []);
      t.true(await folder.put(sample));
      t.deepEqual(await folder.get(sample.digest), sample);
    });
  });
}

test('documents: a link under the name of a document is not followed', async (t) => {
  await withFolder(async (dir) => {
    const folder = new DocumentFolder(path.join(dir, 'one'), silent);
    const other = new DocumentFolder(path.join(dir, 'other'), silent);
    await other.put(sample);
    await mkdir(folder.dir);
    const name = hexOf(sample.digest);
    await symlink(path.join(other.dir, name), path.join(folder.dir, name));
    t.is(await folder.get(sample.digest), undefined);
    t.deepEqual(await other.get(sample.digest), sample);
  });
});

test('documents: a type that is not understood is not kept', async (t) => {
  await withFolder(async (dir) => {
    const folder = new DocumentFolder(dir, silent);
    t.false(await folder.put(document('x', 'text/html')));
    t.false(await folder.put(document('x', `${mediaTypes.ociManifest}\n`)));
    t.deepEqual(await readdir(dir), []);
  });
});

test('documents: where the folder cannot be made nothing is kept, and that is told once', async (t) => {
  await withFolder(async (root) => {
    await writeFile(path.join(root, 'file'), '');
    const events: Event[] = [];
    const folder = new DocumentFolder(path.join(root, 'file', 'documents'), (event) => events.push(event));
    t.is(await folder.get(sample.digest), undefined);
    t.false(await folder.put(sample));
    t.false(await folder.put(document('other')));
    await folder.close();
    t.is(events.length, 1);
    const [note] = events;
    t.true(note?.type === 'note' && note.message.includes(folder.dir) && note.message.includes('ENOTDIR'));
  });
});

test('documents: several runs that keep the same ones leave whole files and nothing else', async (t) => {
  await withFolder(async (dir) => {
    const documents = Array.from({ length: 20 }, (_, at) => document(`{"at":${at}}`.repeat(1000)));
    const runs = Array.from({ length: 5 }, () => new DocumentFolder(dir, silent));
    await Promise.all(
      runs.flatMap((run) =>
        documents.map(async (one) => {
          await run.put(one);
          t.deepEqual(await run.get(one.digest), one);
        }),
      ),
    );
    t.deepEqual((await readdir(dir)).sort(), documents.map(({ digest }) => hexOf(digest)).sort());
  });
});

const day = 24 * 3600 * 1000;
const now = Date.parse('2026-11-25T12:00:00Z');

/** Puts a document that was last used so many days ago. */
async function put(dir: string, text: string, days: number): Promise<ImageDocument> {
  const one = document(text);
  await new DocumentFolder(dir, silent).put(one);
  await used(path.join(dir, hexOf(one.digest)), days);
  return one;
}

async function used(file: string, days: number): Promise<void> {
  const time = new Date(now - days * day);
  await utimes(file, time, time);
}

async function has(t: ExecutionContext, dir: string, documents: readonly ImageDocument[]): Promise<void> {
  const names = (await readdir(dir)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  t.deepEqual(names.sort(), documents.map(({ digest }) => hexOf(digest)).sort());
}

test('documents: what was not used for 30 days goes; what is not ours stays', async (t) => {
  await withFolder(async (dir) => {
    await put(dir, 'old', 31);
    const young = await put(dir, 'young', 29);
    for (const [name, days] of [
      ['notes.txt', 99],
      [`.${'a'.repeat(16)}.part`, 2],
      [`.${'b'.repeat(16)}.part`, 0.5],
    ] as const) {
      await writeFile(path.join(dir, name), 'x');
      await used(path.join(dir, name), days);
    }
    await removeUnusedDocuments(dir, now);
    await has(t, dir, [young]);
    const others = (await readdir(dir)).filter((name) => name !== hexOf(young.digest));
    t.deepEqual(others.sort(), [`.${'b'.repeat(16)}.part`, 'notes.txt']);
  });
});

test('documents: over the limit in all, those unused for longest go', async (t) => {
  await withFolder(async (dir) => {
    await put(dir, 'c'.repeat(1000), 9);
    const [a, b] = [await put(dir, 'a'.repeat(1000), 1), await put(dir, 'b'.repeat(1000), 2)];
    await removeUnusedDocuments(dir, now, 2500);
    await has(t, dir, [a, b]);
  });
});

test('documents: reading one is a use of it', async (t) => {
  await withFolder(async (dir) => {
    const one = await put(dir, 'one', 31);
    t.deepEqual(await new DocumentFolder(dir, silent).get(one.digest), one);
    await removeUnusedDocuments(dir, now);
    await has(t, dir, [one]);
  });
});

test('documents: a run that has added something cleans up when it ends', async (t) => {
  await withFolder(async (dir) => {
    const old = await put(dir, 'old', 0);
    const long = new Date('2020-01-01T00:00:00Z');
    await utimes(path.join(dir, hexOf(old.digest)), long, long);
    const run = new DocumentFolder(dir, silent);
    await run.close();
    await has(t, dir, [old]);
    await run.put(sample);
    await run.close();
    await has(t, dir, [sample]);
  });
});
