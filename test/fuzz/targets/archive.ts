import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { composeImage, noise, writeOciLayout } from '../../../bin/demo/sample-images.ts';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { joinLayers, parseConfig, parseIndex, parseManifest } from '../../../src/archive/oci-documents.ts';
import { openOciLayout } from '../../../src/archive/oci-layout.ts';
import { readSave } from '../../../src/archive/save/read-save.ts';
import { savedImages } from '../../../src/archive/save/saved-images.ts';
import { readPax } from '../../../src/archive/tar/pax.ts';
import { memberName } from '../../../src/archive/tar/member-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { PackferryError, type ErrorCode } from '../../../src/core/errors.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import type { ImageSource } from '../../../src/core/ports.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { readBlob } from '../../helpers/image-reading.ts';
import { dialects, json } from '../../helpers/saves.ts';
import { tarOf, type TarMember } from '../../helpers/tar-file.ts';
import { paxHeader } from '../../helpers/tar-raw.ts';
import { anyBytes } from '../mutate/bytes.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import { anyTar } from '../mutate/tar.ts';
import type { Mutation, Target } from '../target.ts';

const name = 'docker.io/demisto/sample:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 600) }] });
const image = composeImage({ base, files: [{ path: 'top', content: noise('top', 300) }] });
const saves = (): Buffer[] => Object.values(dialects).map((write) => tarOf(write([{ name, image }])));

const codes: readonly ErrorCode[] = [
  ...(['E_ARCHIVE_MALFORMED', 'E_DIGEST_MISMATCH', 'E_IMAGE_MALFORMED', 'E_IMAGE_INCOMPLETE'] as const),
  ...([
    'E_JSON_INVALID',
    'E_LIMIT_EXCEEDED',
    'E_IMAGE_NOT_FOUND',
    'E_PLATFORM_NOT_FOUND',
    'E_LAYER_FOREIGN',
  ] as const),
];

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 777) yield await Promise.resolve(bytes.subarray(at, at + 777));
}

/** What is left of a damaged save is the image that it was, or nothing. */
export const save: Target = {
  name: 'archive/save',
  valid: saves,
  mutations: anyTar,
  codes,
  runs: 1000,
  read: async (input) => {
    const { images } = savedImages(await readSave(pieces(input), { name: 'x.tar' }));
    for (const { config, layers } of images) {
      assert.equal(config.digest, image.config.descriptor.digest);
      const found = layers.map(({ file, diffId }) => file?.diffId ?? diffId);
      assert.deepEqual(
        found,
        image.layers.map(({ diffId }) => diffId),
      );
    }
  },
};

/** The documents of a save, in their tar: the archive is whole, and what it says is changed. */
const inDocuments: Mutation = (input, random, others) => {
  const members = savesAsMembers[random(savesAsMembers.length)] ?? [];
  const documents = members.filter(({ content = '' }) =>
    /^\s*[[{]/.test(Buffer.from(content).toString('latin1', 0, 9)),
  );
  const chosen = documents[random(Math.max(1, documents.length))];
  if (chosen === undefined) return input;
  const change = anyJson[random(anyJson.length)];
  const content = change?.(Buffer.from(chosen.content ?? ''), random, others.slice(0, 0)) ?? '';
  return tarOf(members.map((member) => (member === chosen ? { ...member, content } : member)));
};
const savesAsMembers: readonly (readonly TarMember[])[] = Object.values(dialects).map((write) =>
  write([{ name, image }]),
);

/** From a file to the blobs that an export would write. */
export const dockerArchive: Target = {
  name: 'archive/docker-archive',
  valid: () => [...saves(), ...saves().map((bytes) => gzipSync(bytes))],
  mutations: [
    ...anyTar.slice(0, 3),
    ...anyBytes.slice(0, 4),
    inDocuments,
    inDocuments,
    inDocuments,
    inDocuments,
  ],
  codes: [...codes, 'E_SOURCE_UNREACHABLE'],
  runs: 200,
  read: async (input, folder) => {
    const file = path.join(folder, 'save.tar');
    await writeFile(file, input);
    const source = await openDockerArchive(file, { spoolDir: path.join(folder, 'spool') });
    try {
      await assertImage(source);
    } finally {
      await source.close();
    }
  },
};

async function assertImage(source: ImageSource): Promise<void> {
  const locked = await source.resolve(parseReference(name), defaultPlatform);
  assert.equal(locked.config.digest, image.config.descriptor.digest);
  for (const layer of locked.layers) {
    const content = await readBlob(source, locked, layer);
    assert.equal(digestOf(gunzipSync(content)), layer.diffId);
  }
}

export const layoutIndex: Target = {
  name: 'archive/oci-layout',
  valid: () => [
    jsonInput({
      schemaVersion: 2,
      manifests: [
        { ...image.manifest.descriptor, annotations: { 'org.opencontainers.image.ref.name': name } },
        { ...base.manifest.descriptor, platform: base.platform },
      ],
    }),
  ],
  mutations: anyJson,
  codes: [...codes, 'E_SOURCE_UNREACHABLE', 'E_SIZE_MISMATCH', 'E_LAYER_FOREIGN'],
  runs: 250,
  read: async (input, folder) => {
    const dir = path.join(folder, 'layout');
    await mkdir(dir, { recursive: true });
    if (!made.has(dir))
      await writeOciLayout(dir, [
        { reference: name, image },
        { reference: 'x.example/base:1', image: base },
      ]);
    made.add(dir);
    await writeFile(path.join(dir, 'index.json'), input);
    const locked = await (await openOciLayout(dir)).resolve(parseReference(name), defaultPlatform);
    // An index may give the name to what it likes; it must be an image that is there.
    const known = [image, base].find(({ config }) => config.descriptor.digest === locked.config.digest);
    assert.deepEqual(
      locked.layers.map(({ diffId }) => diffId),
      known?.layers.map(({ diffId }) => diffId),
    );
  },
};
const made = new Set<string>();

const documentNames = { manifest: 'manifest x', config: 'config x' };

/** Manifest and config of an image, as an engine or a folder has them. */
export const ociDocuments: Target = {
  name: 'archive/oci-documents',
  valid: () => [
    image.manifest.bytes,
    image.config.bytes,
    jsonInput({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.manifest.descriptor] }),
  ],
  mutations: anyJson,
  codes: ['E_IMAGE_MALFORMED', 'E_JSON_INVALID', 'E_LIMIT_EXCEEDED', 'E_LAYER_FOREIGN'],
  runs: 1000,
  read: (input) => {
    const text = input.toString('latin1');
    if (text.includes('"manifests"')) {
      parseIndex(input, { ...image.manifest.descriptor, mediaType: mediaTypes.ociIndex }, 'index x');
    } else if (text.includes('"rootfs"')) {
      const config = parseConfig(input, documentNames.config);
      assert.equal(typeof config.os, 'string');
    } else {
      const manifest = parseManifest(input, image.manifest.descriptor, documentNames.manifest);
      const { diffIds } = parseConfig(image.config.bytes, documentNames.config);
      for (const layer of joinLayers(manifest, { diffIds }, 'x')) assert.ok(Number.isSafeInteger(layer.size));
    }
  },
};

/** The records of an extended header. */
export const pax: Target = {
  name: 'archive/pax',
  valid: () => [
    paxHeader([
      ['path', 'blobs/sha256/x'],
      ['size', '12345678901'],
      ['mtime', '1.5'],
      ['SCHILY.xattr.user.x', Buffer.from([0xff, 0])],
    ]).subarray(512, 512 + 96),
  ],
  mutations: anyBytes,
  codes: ['E_ARCHIVE_MALFORMED'],
  runs: 1000,
  read: (input) => {
    // The header is padded to its block; its length is that of the records.
    const records = input.subarray(0, input.lastIndexOf(10) + 1);
    const { path: written, size } = readPax(records, (why) => new PackferryError('E_ARCHIVE_MALFORMED', why));
    assert.ok(size === undefined || Number.isSafeInteger(size));
    const member = written === undefined ? { name: 'x' } : memberName(written);
    assert.ok('fault' in member || !/(^|\/)\.\.(\/|$)|^\/|\\/.test(member.name));
  },
};

export const marker: Target = {
  name: 'archive/oci-marker',
  valid: () => [Buffer.from(json('oci-layout', { imageLayoutVersion: '1.0.0' }).content ?? '')],
  mutations: anyJson,
  codes: [...codes, 'E_SOURCE_UNREACHABLE'],
  runs: 200,
  read: async (input, folder) => {
    await writeFile(path.join(folder, 'oci-layout'), input);
    await openOciLayout(folder);
  },
};
