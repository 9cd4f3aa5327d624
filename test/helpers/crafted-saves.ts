import { gzipSync } from 'node:zlib';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { hexOf } from '../../src/core/digest.ts';
import { blobEntry, docker24, docker25, indexEntry, json, regctl } from './saves.ts';
import { tarOf, type TarMember } from './tar-file.ts';
import { endMark, paxHeader, rawHeader, rawMember } from './tar-raw.ts';

/** The name that both images claim. */
export const name = 'docker.io/demisto/sample:1.0';
const base = composeImage({ files: [{ path: 'base', content: noise('base', 3000) }] });
export const good = composeImage({ base, files: [{ path: 'good', content: noise('good', 1000) }] });
export const evil = composeImage({ base, files: [{ path: 'evil', content: noise('evil', 1000) }] });

/** A save in which the good image has the name, and all of the evil one is there under another name. */
export const both: readonly TarMember[] = regctl([
  { name, image: good },
  { name: 'docker.io/demisto/evil:1.0', image: evil },
]);
export const clean: Buffer = tarOf(both);

const entryOf = (image: ComposedImage): object => blobEntry({ name, image });
const evilList = JSON.stringify([entryOf(evil)]);
const goodList = JSON.stringify([entryOf(good)]);
const evilIndex = JSON.stringify({
  schemaVersion: 2,
  manifests: [indexEntry(evil.manifest.descriptor, name, '1.0')],
});

const body = clean.subarray(0, -endMark.length);
const closed = (...members: readonly Buffer[]): Buffer => Buffer.concat([...members, endMark]);
const behind = (...members: readonly Buffer[]): Buffer => closed(body, ...members);
const before = (...members: readonly Buffer[]): Buffer => closed(...members, body);
const replaced = (file: string, content: string): Buffer =>
  tarOf(both.map((member) => (member.name === file ? { name: file, content } : member)));
const gnuLongName = (longName: string, type = 'L'): Buffer =>
  rawMember({ name: '././@LongLink', type, magic: 'ustar  \0' }, `${longName}\0`);
const gnu = (member: string, content: string): Buffer =>
  rawMember({ name: member, magic: 'ustar  \0' }, content);

/** The hybrid: one name, for `manifest.json` the good image and for `index.json` the evil one, or the other way round. */
export const hybrids: Readonly<Record<string, Buffer>> = {
  'manifest.json means A, index.json means B': replaced('index.json', evilIndex),
  'manifest.json means B, index.json means A': replaced('manifest.json', evilList),
  'index.json comes twice, A and then B': behind(rawMember({ name: 'index.json' }, evilIndex)),
  'index.json names A and B the same': replaced(
    'index.json',
    JSON.stringify({
      schemaVersion: 2,
      manifests: [good, evil].map((image) => indexEntry(image.manifest.descriptor, name, '1.0')),
    }),
  ),
};

/** Members or keys that stand twice. */
export const duplicates: Readonly<Record<string, Buffer>> = {
  'two manifest.json, A and then B': behind(rawMember({ name: 'manifest.json' }, evilList)),
  'two manifest.json, B and then A': before(rawMember({ name: 'manifest.json' }, evilList)),
  './manifest.json behind manifest.json': behind(rawMember({ name: './manifest.json' }, evilList)),
  'x/../manifest.json behind manifest.json': behind(rawMember({ name: 'x/../manifest.json' }, evilList)),
  '//manifest.json behind manifest.json': behind(rawMember({ name: '//manifest.json' }, evilList)),
  'manifest.json/ behind manifest.json': behind(rawMember({ name: 'manifest.json/' }, evilList)),
  'Config and config': replaced('manifest.json', goodList.replace('{"Config"', '{"config":"x","Config"')),
  'Config, and Config written with an escape': replaced(
    'manifest.json',
    goodList.replace('{', '{"\\u0043onfig":"x",'),
  ),
  'layers twice': replaced('manifest.json', goodList.replace('"Layers"', '"Layers":[],"Layers"')),
  'a second document behind the first': replaced('manifest.json', goodList + evilList),
  'a second document on its own line': replaced('manifest.json', `${goodList}\n${evilList}\n`),
  'two entries with one name': replaced('manifest.json', JSON.stringify([entryOf(good), entryOf(evil)])),
  'two entries that differ by case': replaced(
    'manifest.json',
    JSON.stringify([entryOf(good), { config: 'x', ...entryOf(evil) }]),
  ),
};

const links = ['1', '2'].map((type) =>
  behind(
    rawMember({ name: 'evil.json' }, evilList),
    rawHeader({ name: 'manifest.json', type, target: 'evil.json' }),
  ),
);
const middle = 512 * Math.floor(body.length / 1024);
const oldSave = docker24([{ name, image: good }]);

/** Saves that readers of tar understand in different ways; all of them must be refused. */
export const differentials: Readonly<Record<string, Buffer>> = {
  'a hard link named manifest.json': links[0] ?? clean,
  'a symbolic link named manifest.json': links[1] ?? clean,
  'an extended header that renames to manifest.json': behind(
    paxHeader([['path', 'manifest.json']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'a long name of GNU tar that is manifest.json': behind(gnuLongName('manifest.json'), gnu('x', evilList)),
  'a long link name of GNU tar': behind(gnuLongName('x', 'K'), gnu('x', evilList)),
  'a global extended header with a path': before(
    paxHeader([['path', 'manifest.json']], 'g'),
    rawMember({ name: 'x' }, evilList),
  ),
  'a global extended header with a comment': before(paxHeader([['comment', 'x']], 'g')),
  'a NUL in the path of an extended header': behind(
    paxHeader([['path', 'manifest.json\0x']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'a NUL in a name': behind(rawMember({ name: 'manifest.json\0x' }, evilList)),
  'two paths in an extended header': behind(
    paxHeader([
      ['path', 'y'],
      ['path', 'manifest.json'],
    ]),
    rawMember({ name: 'x' }, evilList),
  ),
  'two extended headers': behind(
    paxHeader([['path', 'y']]),
    paxHeader([['path', 'manifest.json']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'an extended header without its member': behind(paxHeader([['path', 'manifest.json']])),
  'a size in the extended header that is another one': behind(
    paxHeader([['size', '1']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'a link target in an extended header': behind(
    paxHeader([['linkpath', 'evil.json']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'a sparse file in an extended header': behind(
    paxHeader([['GNU.sparse.major', '1']]),
    rawMember({ name: 'x' }, evilList),
  ),
  'a sparse file of GNU tar': behind(rawMember({ name: 'x', type: 'S', magic: 'ustar  \0' }, 'x')),
  'one block of zeros, and more members': closed(
    body,
    Buffer.alloc(512),
    rawMember({ name: 'manifest.json' }, evilList),
  ),
  'an end mark, and more members': closed(body, endMark, rawMember({ name: 'x' }, evilList)),
  'two archives in one file': Buffer.concat([clean, tarOf([{ name: 'manifest.json', content: evilList }])]),
  'something behind the end': Buffer.concat([clean, Buffer.from('x')]),
  'a wrong checksum in the middle': behind(rawMember({ name: 'x', checksum: '000001\0 ' }, 'x')),
  'a checksum of spaces': behind(rawMember({ name: 'x', checksum: '        ' }, 'x')),
  'a size below zero': behind(rawHeader({ name: 'x', size: Buffer.alloc(12, 0xff) })),
  'a size that is no number': behind(rawHeader({ name: 'x', size: Buffer.from('0000000000z\0') })),
  'a size of eight exabytes': behind(
    rawHeader({ name: 'x', size: Buffer.from('800000007fffffffffffffff', 'hex') }),
  ),
  'a folder with content': behind(rawMember({ name: 'x', type: '5' }, evilList)),
  'a link with content': behind(rawMember({ name: 'x', type: '2', target: 'y' }, evilList)),
  'a device': behind(rawHeader({ name: 'x', type: '3' })),
  'a pipe': behind(rawHeader({ name: 'x', type: '6' })),
  'a contiguous file': behind(rawMember({ name: 'manifest.json', type: '7' }, evilList)),
  'a continued file of GNU tar': behind(rawMember({ name: 'x', type: 'M', magic: 'ustar  \0' }, 'x')),
  'a folder list of GNU tar': behind(rawMember({ name: 'x', type: 'D', magic: 'ustar  \0' }, 'x')),
  'an unknown type': behind(rawMember({ name: 'x', type: 'Z' }, evilList)),
  'a header without ustar': behind(rawMember({ name: 'x', magic: '\0\0\0\0\0\0\0\0' }, 'x')),
  'a backslash in a name': behind(rawMember({ name: 'x\\manifest.json' }, evilList)),
  'a name that is no UTF-8': behind(rawMember({ name: Buffer.from([0x78, 0xff]) }, 'x')),
  'a control character in a name': behind(rawMember({ name: 'x\u001b[2J' }, 'x')),
  'a gap that is not zero': closed(body, rawHeader({ name: 'x', size: 1 }), Buffer.alloc(512, 1)),
  'cut off in the middle': clean.subarray(0, middle),
  'cut off before its end mark': body,
  'blobs of the one under the names of the other': tarOf(
    both.map((member) => {
      const swap = both.find(
        ({ name: other }) => other === `blobs/sha256/${hexOf(evil.config.descriptor.digest)}`,
      );
      const isGood = member.name === `blobs/sha256/${hexOf(good.config.descriptor.digest)}`;
      return isGood ? { ...member, content: swap?.content ?? '' } : member;
    }),
  ),
  'a layer that is not what the config says': tarOf(
    oldSave.map((member) =>
      member.name.endsWith('layer.tar') && member.type === undefined
        ? { ...member, content: 'x'.repeat(512) }
        : member,
    ),
  ),
  'a gzip of two archives': gzipSync(Buffer.concat([clean, clean])),
};

/** Saves that look odd and mean the good image to everybody: what comes out must be the same as of the clean one. */
export const harmless: Readonly<Record<string, Buffer>> = {
  'gzip around the whole archive': gzipSync(clean),
  'a name in an extended header': tarOf(both.map((member) => ({ ...member, isPax: true }))),
  './ before every name': tarOf(both.map((member) => ({ ...member, name: `./${member.name}` }))),
  'zeros behind the end': Buffer.concat([clean, Buffer.alloc(20 * 512)]),
  'members of no interest': behind(
    rawMember({ name: 'Manifest.json' }, evilList),
    rawMember({ name: 'sub/manifest.json' }, evilList),
  ),
  'an extra name for another image': tarOf(
    both.map((member) =>
      member.name === 'manifest.json'
        ? json('manifest.json', [
            entryOf(good),
            { ...entryOf(evil), RepoTags: ['victim:1.0', 'demisto/evil:1.0'] },
          ])
        : member,
    ),
  ),
  'another dialect': tarOf(docker25([{ name, image: good }])),
};
