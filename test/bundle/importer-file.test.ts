import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { importerMark, openImporter } from '../../src/bundle/importer-file.ts';
import { documentText, type BundleContent } from '../../src/bundle/document.ts';
import { formatSums, parseSums } from '../../src/bundle/sums.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { withBundleFixture, withFolder, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { writeStandIn, type StandIn } from '../helpers/importer-file.ts';
import { execOk } from '../helpers/system-exec.ts';

const name = 'packferry-linux-x64';
const code = (expected: ErrorCode) => ({ instanceOf: PackferryError, code: expected });

interface Carrying extends BundleFixture {
  readonly dir: string;
  readonly file: string;
  readonly carrying: BundleContent;
}

/** Runs with the content of a bundle that is to carry an importer. */
async function withImporter(use: (fixture: Carrying) => Promise<void>): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const file = await writeStandIn(path.join(fixture.folder, 'importer'));
    const carrying = { ...fixture.content(), importer: await openImporter(file) };
    await use({ ...fixture, dir: path.join(fixture.folder, 'bundle'), file, carrying });
  });
}

test('an importer is known by its mark, wherever that stands', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'importer');
    // Files are read in pieces of 1 MiB: the mark lies in one, across two, and in the second.
    for (const markAt of [4096, 2 ** 20 - 25, 2 ** 20 - 1, 2 ** 20 + 5]) {
      const { entry } = await openImporter(await writeStandIn(file, { markAt }));
      const bytes = await readFile(file);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      t.deepEqual(
        entry,
        { file: name, platform: 'linux-x64', version: '1.2.3', size: bytes.length, sha256 },
        `${markAt}`,
      );
    }
  });
});

const refuses = test.macro({
  title: (title = '') => `no importer: ${title}`,
  exec: async (t: ExecutionContext, make: (file: string) => Promise<unknown>, words: RegExp) => {
    await withFolder(async (folder) => {
      const file = path.join(folder, 'it');
      await make(file);
      const error = await t.throwsAsync(openImporter(file), code('E_IMPORTER_UNUSABLE'));
      t.true(error.message.includes(file), error.message);
      t.regex(error.message, words);
      t.regex(error.hint ?? '', /npm run importer/);
    });
  },
});

const standIn = (options: StandIn) => (file: string) => writeStandIn(file, options);

test('a file that is missing', refuses, () => Promise.resolve(), /there is no importer/);
test('a folder', refuses, (file) => mkdir(file), /no regular file/);
test('a pipe, which does not block', refuses, (file) => execOk('mkfifo', [file]), /no regular file/);
test('an empty file', refuses, (file) => writeFile(file, ''), /no program for Linux on x64/);
test('a script', refuses, (file) => writeFile(file, `#!/bin/sh\n# ${importerMark('1.0.0')}\n`), /no program/);
test('the beginning of a program', refuses, (file) => writeFile(file, '\u007fELF\u0002\u0001'), /no program/);
test('a program for arm64', refuses, standIn({ machine: 183 }), /no program for Linux on x64/);
test('Node without packferry', refuses, standIn({ mark: '' }), /no importer of packferry/);
test('words that only look like the mark', refuses, standIn({ mark: importerMark('${v}') }), /no importer/);
test(
  'more than the limit',
  refuses,
  async (file) => truncate(await writeStandIn(file), 2 ** 30),
  /over the limit/,
);

test('the importer is carried, ready to run, covered by the list, and told of in bundle.json', async (t) => {
  await withImporter(async ({ dir, file, carrying, write, open }) => {
    await write(dir, { content: carrying });
    t.deepEqual(await readFile(path.join(dir, name)), await readFile(file));
    t.is((await stat(path.join(dir, name))).mode & 0o500, 0o500);
    const sums = parseSums(await readFile(path.join(dir, 'SHA256SUMS'), 'utf8'));
    t.is(sums.get(name), carrying.importer?.entry.sha256);
    const { document } = await open(dir);
    t.deepEqual(document.importers, carrying.importer === undefined ? [] : [carrying.importer.entry]);
  });
});

test('the same importer gives the same bundle, byte for byte', async (t) => {
  await withImporter(async ({ dir, carrying, write }) => {
    const twin = `${dir}-2`;
    for (const place of [dir, twin]) await write(place, { content: carrying });
    const names = await readdir(dir);
    t.true(names.includes(name));
    t.deepEqual(await readdir(twin), names);
    for (const one of names)
      t.deepEqual(await readFile(path.join(twin, one)), await readFile(path.join(dir, one)), one);
  });
});

test('README.txt says how to run an importer, and what to compare first, where there is one', async (t) => {
  await withImporter(async ({ dir, carrying, write }) => {
    const plain = `${dir}-plain`;
    await write(plain);
    await write(dir, { content: carrying });
    t.false((await readFile(path.join(plain, 'README.txt'), 'utf8')).includes(name));
    const text = await readFile(path.join(dir, 'README.txt'), 'utf8');
    const [before = '', after = ''] = text.split('chmod +x');
    t.true(before.includes('sha256sum /path/to/packferry'));
    t.true(before.includes('proves nothing'));
    t.true(after.includes('--trusted-keys'));
  });
});

const damaged = test.macro({
  title: (title = '') => `an importer in a bundle is refused by name: ${title}`,
  exec: async (
    t: ExecutionContext,
    damage: (file: string, bytes: Buffer) => Promise<unknown>,
    expected: ErrorCode,
  ) => {
    await withImporter(async ({ dir, carrying, write, open }) => {
      await write(dir, { content: carrying });
      const file = path.join(dir, name);
      await damage(file, await readFile(file));
      const error = await t.throwsAsync(open(dir), code(expected));
      const messages = [error, ...error.errors].map(({ message }) => message).join('\n');
      t.true(messages.includes(name), messages);
    });
  },
});

test(
  'one bit flipped',
  damaged,
  (file, bytes) => writeFile(file, bytes.fill((bytes[9] ?? 0) ^ 1, 9, 10)),
  'E_DIGEST_MISMATCH',
);
test('cut short', damaged, (file, bytes) => truncate(file, bytes.length - 1), 'E_DIGEST_MISMATCH');
test('over the limit', damaged, (file) => truncate(file, 2 ** 30), 'E_LIMIT_EXCEEDED');
test('missing', damaged, (file) => rm(file), 'E_BUNDLE_INCOMPLETE');
test(
  'a link',
  damaged,
  async (file) => {
    await rm(file);
    await symlink('/bin/true', file);
  },
  'E_BUNDLE_EXTRA_FILE',
);

test('an importer that is not on the signed list is refused', async (t) => {
  await withImporter(async ({ dir, file, write, open }) => {
    await write(dir);
    await writeFile(path.join(dir, name), await readFile(file));
    const error = await t.throwsAsync(open(dir), code('E_BUNDLE_EXTRA_FILE'));
    t.true(error.message.includes(name));
  });
});

/** Changes bundle.json and signs anew, as somebody with the key would. */
async function rewrite(
  { dir, signer }: Carrying,
  change: (document: BundleDocument) => Record<string, unknown>,
): Promise<void> {
  const file = path.join(dir, 'bundle.json');
  const text = documentText(change(JSON.parse(await readFile(file, 'utf8')) as BundleDocument));
  await writeFile(file, text);
  const sums = new Map(parseSums(await readFile(path.join(dir, 'SHA256SUMS'), 'utf8')));
  sums.set('bundle.json', createHash('sha256').update(text).digest('hex'));
  const list = formatSums(sums);
  await writeFile(path.join(dir, 'SHA256SUMS'), list);
  await writeFile(path.join(dir, 'SHA256SUMS.sig'), await signer.sign(Buffer.from(list), bundleNamespace));
}

const contradicting = test.macro({
  title: (title = '') => `bundle.json and the list have to agree on importers: ${title}`,
  exec: async (t: ExecutionContext, change: (document: BundleDocument) => Record<string, unknown>) => {
    await withImporter(async (fixture) => {
      await fixture.write(fixture.dir, { content: fixture.carrying });
      await rewrite(fixture, change);
      await t.throwsAsync(fixture.open(fixture.dir), code('E_BUNDLE_MALFORMED'));
    });
  },
});

const changed = (change: Record<string, unknown>) => (document: BundleDocument) => ({
  ...document,
  importers: (document.importers ?? []).map((entry) => ({ ...entry, ...change })),
});

test('none told of', contradicting, (document) => ({ ...document, importers: [] }));
test('another hash', contradicting, changed({ sha256: '0'.repeat(64) }));
test('another name', contradicting, changed({ file: 'load.sh' }));
test('two of them', contradicting, ({ importers = [], ...rest }) => ({
  ...rest,
  importers: [...importers, ...importers],
}));

test('an importer that changes while an export runs ends it, and nothing is signed', async (t) => {
  await withImporter(async ({ dir, file, carrying, write }) => {
    await writeStandIn(file, { markAt: 5000 });
    await t.throwsAsync(write(dir, { content: carrying }), code('E_IMPORTER_UNUSABLE'));
    t.deepEqual(await readdir(dir), ['export.journal']);
  });
});

test('a bundle with an importer is another one than without', async (t) => {
  await withImporter(async ({ dir, carrying, write, open, source }) => {
    const plain = `${dir}-plain`;
    await write(plain);
    await t.throwsAsync(write(plain, { content: carrying }), code('E_OUTPUT_EXISTS'));

    // An unfinished export with an importer makes way for one without.
    const stop = new AbortController();
    const stopping = {
      ...source,
      openBlob: () => {
        stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
        return Promise.reject(new Error('stopped'));
      },
    };
    await t.throwsAsync(
      write(dir, { content: carrying, source: stopping, signal: stop.signal }),
      code('E_INTERRUPTED'),
    );
    t.true((await readdir(dir)).includes(name));
    await write(dir);
    t.false((await readdir(dir)).includes(name));
    t.is((await open(dir)).document.importers, undefined);
  });
});
