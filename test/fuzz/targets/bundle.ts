import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkArchive } from '../../../src/archive/check.ts';
import { emitArchive } from '../../../src/archive/emit.ts';
import { planArchive } from '../../../src/archive/plan.ts';
import { archiveEntry, makeDocument, planVolumes } from '../../../src/bundle/document.ts';
import { readJournal } from '../../../src/bundle/journal.ts';
import { bundleFiles } from '../../../src/bundle/names.ts';
import { readDocument } from '../../../src/bundle/read-document.ts';
import { formatSums, parseSums } from '../../../src/bundle/sums.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { readLock } from '../../../src/flows/lock.ts';
import { lockSchemaId } from '../../../src/schema/lock.ts';
import { blobBytes, opener, smallFamily } from '../../helpers/compose.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import { anyTar } from '../mutate/tar.ts';
import { anyText } from '../mutate/text.ts';
import type { Target } from '../target.ts';

const { images, composed } = smallFamily();
const hex = 'ab'.repeat(32);
const createdAt = '2026-11-23T05:00:00Z';

export const sums: Target = {
  name: 'bundle/sums',
  valid: () => [
    Buffer.from(
      ['README.txt', 'bundle.json', 'images-001.tar', 'packs/A.zip']
        .map((name) => `${hex}  ${name}\n`)
        .join(''),
    ),
  ],
  mutations: anyText,
  codes: ['E_BUNDLE_MALFORMED'],
  runs: 1000,
  read: (input) => {
    const text = input.toString('utf8');
    const list = parseSums(text);
    assert.equal(formatSums(list), text);
    for (const name of list.keys()) assert.doesNotMatch(name, /^\/|\.\.\/|^-|\\/);
  },
};

function bundleDocument(): unknown {
  const content = {
    name: 'soc',
    platform: defaultPlatform,
    volumes: [images.map((image) => ({ image, usedBy: [] }))],
    ...{ findings: [], packs: [], expiresAfter: 3600, audience: ['site-a'] },
  };
  const volumes = planVolumes(content);
  const sha256 = new Map(volumes.map(({ file }) => [file, hex]));
  const tool = { name: 'packferry', version: '0.1.0' };
  return makeDocument(content, volumes, { sequence: 1795400000, createdAt, tool, sha256, packs: [] });
}

export const document: Target = {
  name: 'bundle/document',
  valid: () => [jsonInput(bundleDocument())],
  mutations: anyJson,
  codes: [
    'E_BUNDLE_MALFORMED',
    'E_BUNDLE_NEWER',
    'E_JSON_INVALID',
    'E_LIMIT_EXCEEDED',
    'E_REFERENCE_INVALID',
  ],
  runs: 700,
  read: (input) => {
    const read = readDocument(input);
    const names = read.document.images.map(({ reference }) => reference);
    assert.equal(new Set(names).size, names.length);
    for (const { file, plan } of read.volumes) {
      const stated = read.document.archives.find((archive) => archive.file === file);
      assert.deepEqual(archiveEntry(file, plan, stated?.sha256 ?? ''), stated);
    }
    // What was read, written again, is read as the same.
    assert.deepEqual(readDocument(jsonInput(read.document)).document, read.document);
  },
};

const plan = planArchive(images, { commitRecord: 'first' });

async function archiveBytes(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const options = { name: 'images-001.tar', openBlob: opener(blobBytes(composed)) };
  for await (const chunk of emitArchive(plan, options)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** An archive in a bundle is what was planned, byte for byte: every other one is damaged. */
export const archive: Target = {
  name: 'bundle/archive',
  valid: async () => [await archiveBytes()],
  mutations: anyTar,
  codes: [],
  read: async (input) => {
    const original = await archiveBytes();
    const check = await checkArchive(pieces(input), plan);
    assert.equal(check.size, input.length);
    assert.equal(`sha256:${check.sha256}`, digestOf(input));
    assert.equal(check.damage.length === 0, input.equals(original));
  },
};

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield await Promise.resolve(bytes.subarray(at, at + 700));
}

export const journal: Target = {
  name: 'bundle/journal',
  valid: () => {
    const [one, two] = [digestOf('one'), digestOf('two')];
    const head = `packferry-journal-3 ${digestOf('plan')} ${createdAt} 1795400000\n`;
    const lines = `@ images-001.tar 512 9000 ${one}\n${one} 0 1048576\n${two} 5 900\n${one} 0\n${one} 7 8\n`;
    return [Buffer.from(head + lines), Buffer.from(head)];
  },
  mutations: anyText,
  codes: [],
  runs: 250,
  read: async (input, folder) => {
    await writeFile(path.join(folder, bundleFiles.journal), input);
    const state = await readJournal(folder);
    for (const { offset, size, file } of state?.places ?? []) {
      assert.ok(Number.isSafeInteger(offset) && Number.isSafeInteger(size));
      assert.match(file, /^images-[0-9]{3}\.tar$/);
    }
    for (const stretches of state?.stretches.values() ?? []) {
      for (const { from, to } of stretches)
        assert.ok(Number.isSafeInteger(from) && from < to, `${from} to ${to}`);
    }
  },
};

export const lock: Target = {
  name: 'flows/lock',
  valid: () => [
    jsonInput({
      ...{ schema: lockSchemaId, name: 'soc', platform: defaultPlatform },
      images: images.map((image) => ({ ...image, lockedAt: createdAt, pinned: image.manifest.digest })),
    }),
  ],
  mutations: anyJson,
  codes: ['E_LOCK_INVALID', 'E_LOCK_UNREADABLE'],
  read: async (input, folder) => {
    const file = path.join(folder, 'packferry.lock.json');
    await writeFile(file, input);
    const read = await readLock(file);
    assert.ok(read !== undefined);
    await writeFile(file, jsonInput(read));
    assert.deepEqual(await readLock(file), read);
  },
};
