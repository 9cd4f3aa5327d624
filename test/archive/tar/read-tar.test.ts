import test from 'ava';
import { readTar, type TarMember } from '../../../src/archive/tar/read-tar.ts';
import { PackferryError, type ErrorCode } from '../../../src/core/errors.ts';
import { limits } from '../../../src/core/limits.ts';
import { endMark, paxHeader, rawHeader, rawMember } from '../../helpers/tar-raw.ts';

type Found = TarMember & { readonly content: string };

/** Reads an archive that comes in pieces of one length. */
async function read(archive: Buffer, pieceSize = 1000): Promise<Found[]> {
  const pieces = Array.from({ length: Math.ceil(archive.length / pieceSize) }, (_, at) =>
    archive.subarray(at * pieceSize, (at + 1) * pieceSize),
  );
  const found: Found[] = [];
  await readTar(streamOf(pieces), { name: 'x.tar' }, async (member, content) => {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(Buffer.from(chunk));
    found.push({ ...member, content: Buffer.concat(chunks).toString() });
  });
  return found;
}

async function* streamOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

const id = 'a'.repeat(64);
const other = 'b'.repeat(64);
const good = rawMember({ name: 'good' }, 'content');
const archive = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, endMark]);

test('files, folders and a long name from an extended header, in pieces of any length', async (t) => {
  const long = `${'d/'.repeat(80)}file`;
  const bytes = archive(
    rawMember({ name: './', type: '5' }),
    rawMember({ name: 'blobs/', type: '5' }),
    rawMember({ name: './blobs//one' }, 'one'),
    paxHeader([
      ['path', long],
      ['size', '3'],
      ['mtime', '1.5'],
      ['SCHILY.xattr.user.x', Buffer.from([0xff, 0])],
    ]),
    rawMember({ name: 'short' }, 'two'),
    rawMember({ name: 'file', prefix: 'pre/fix', magic: 'ustar\x0000' }, 'three'),
    rawMember({ name: 'gnu', magic: 'ustar  \0', type: '\0' }, ''),
  );
  for (const pieceSize of [1, 511, 512, 513, 100_000]) {
    const found = await read(bytes, pieceSize);
    t.deepEqual(
      found.map(({ name, content }) => [name, content]),
      [
        ['.', ''],
        ['blobs', ''],
        ['blobs/one', 'one'],
        [long, 'two'],
        ['pre/fix/file', 'three'],
        ['gnu', ''],
      ],
    );
    for (const { offset, size, content } of found) {
      t.is(bytes.subarray(offset, offset + size).toString(), content, 'the offset leads to the content');
    }
  }
});

test('content that the caller does not want is passed over', async (t) => {
  const names: string[] = [];
  const bytes = archive(rawMember({ name: 'one' }, 'x'.repeat(5000)), good);
  await readTar(streamOf([bytes]), { name: 'x.tar' }, ({ name }) => {
    names.push(name);
    return Promise.resolve();
  });
  t.deepEqual(names, ['one', 'good']);
});

test('sizes over 8 GiB: base-256, and the extended header with an empty field as Go writes it', async (t) => {
  const size = 9 * 1024 ** 3;
  const base256 = Buffer.alloc(12);
  base256[0] = 0x80;
  base256.writeBigUInt64BE(BigInt(size), 4);
  for (const start of [
    rawHeader({ name: 'large', size: base256 }),
    Buffer.concat([paxHeader([['size', String(size)]]), rawHeader({ name: 'large', size: 0 })]),
  ]) {
    const sizes: number[] = [];
    // The content is not there: what matters is how much of it is expected.
    const reading = readTar(streamOf([start]), { name: 'x.tar' }, (member) => {
      sizes.push(member.size);
      return Promise.resolve();
    });
    const error = await t.throwsAsync(reading, { instanceOf: PackferryError, code: 'E_ARCHIVE_MALFORMED' });
    t.deepEqual(sizes, [size]);
    t.true(error.message.includes('cut off'), error.message);
  }
});

test('the links that Docker before 25 and Podman write for layers', async (t) => {
  const found = await read(
    archive(
      rawMember({ name: `${id}/layer.tar` }, 'layer'),
      rawMember({ name: `${other}/layer.tar`, type: '2', target: `../${id}/layer.tar` }),
      rawMember({ name: `${'c'.repeat(64)}/layer.tar`, type: '2', target: `../${id}.tar` }),
      rawMember({ name: `${'d'.repeat(64)}/layer.tar`, type: '1', target: `${id}/layer.tar` }),
    ),
  );
  t.deepEqual(
    found.flatMap((member) => (member.kind === 'link' ? [member.target] : [])),
    [`${id}/layer.tar`, `${id}.tar`, `${id}/layer.tar`],
  );
});

const refused = test.macro({
  async exec(t, bytes: Buffer, words: string, code: ErrorCode = 'E_ARCHIVE_MALFORMED') {
    for (const pieceSize of [700, 1_000_000]) {
      const error = await t.throwsAsync(read(bytes, pieceSize), { instanceOf: PackferryError, code });
      t.true(error.message.startsWith('x.tar: '), error.message);
      t.true(error.message.includes(words), error.message);
      t.notRegex(error.message, /[\p{Cc}\p{Cf}]/u);
    }
  },
  title: (trap) => `refused: ${trap}`,
});

const pax = (...records: [string, string | Buffer][]): Buffer => paxHeader(records);

test(
  'a global extended header',
  refused,
  archive(paxHeader([['path', 'manifest.json']], 'g'), good),
  'global',
);
test('a long name of GNU tar', refused, archive(rawMember({ name: 'l', type: 'L' }, 'n'), good), 'GNU tar');
test('a long link of GNU tar', refused, archive(rawMember({ name: 'l', type: 'K' }, 'n'), good), 'GNU tar');
test('a sparse file of GNU tar', refused, archive(rawMember({ name: 'l', type: 'S' })), 'GNU tar');
test('a device', refused, archive(rawMember({ name: 'null', type: '3' })), 'null: a device');
test('a pipe', refused, archive(rawMember({ name: 'pipe', type: '6' })), 'pipe: a pipe');
test('a type of somebody', refused, archive(rawMember({ name: 'v', type: 'V' })), 'unknown type');
test('NUL in the name', refused, archive(rawMember({ name: 'a\0b' })), 'NUL');
test('NUL in the prefix', refused, archive(rawMember({ name: 'a', prefix: 'p\0q' })), 'NUL');
test('NUL in an extended name', refused, archive(pax(['path', 'a\0b']), good), 'NUL');
test('an empty extended name', refused, archive(pax(['path', '']), good), 'empty');
test('a name that is not UTF-8', refused, archive(rawMember({ name: Buffer.from([0xff]) })), 'UTF-8');
test(
  'an extended name that is not UTF-8',
  refused,
  archive(pax(['path', Buffer.from([0xff])]), good),
  'UTF-8',
);
test('a wrong checksum', refused, archive(good, rawMember({ name: 'x', checksum: '000001\0 ' })), 'checksum');
test('no checksum', refused, archive(rawMember({ name: 'x', checksum: '        ' })), 'checksum');
test('an old header without magic', refused, archive(rawMember({ name: 'x', magic: '' })), 'ustar');
test(
  'fields of GNU tar',
  refused,
  archive(rawMember({ name: 'x', magic: 'ustar  \0', prefix: 'manifest.json' })),
  'GNU tar',
);
test('an absolute name', refused, archive(rawMember({ name: '/etc/passwd' })), 'absolute');
test('".." in the name', refused, archive(rawMember({ name: 'a/../../b' })), '".."');
test('a backslash', refused, archive(rawMember({ name: 'a\\b' })), 'backslash');
test('an escape sequence', refused, archive(rawMember({ name: 'a\u001b[31m' })), 'control character');
test('the name of a folder', refused, archive(rawMember({ name: 'a/' }, 'x')), 'folder');
test('the same name twice', refused, archive(good, good), 'good: stands in the archive twice');
test('./good behind good', refused, archive(good, rawMember({ name: './good' })), 'twice');
test(
  'the same name by extended header',
  refused,
  archive(good, pax(['path', 'good']), rawMember({ name: 'x' })),
  'twice',
);
test('a folder of the same name', refused, archive(good, rawMember({ name: 'good/', type: '5' })), 'twice');
test(
  'a size that contradicts',
  refused,
  archive(pax(['size', '3']), rawMember({ name: 'x' }, '1234')),
  'sizes',
);
test(
  'a small size in the extended header only',
  refused,
  archive(pax(['size', '3']), rawMember({ name: 'x' })),
  'sizes',
);
test(
  'a size that is no number',
  refused,
  archive(rawMember({ name: 'x', size: Buffer.from('00000zz') })),
  'size',
);
test('an empty size', refused, archive(rawMember({ name: 'x', size: Buffer.alloc(12) })), 'size');
test('a negative size', refused, archive(rawMember({ name: 'x', size: Buffer.alloc(12, 0xff) })), 'x.tar');
test(
  'a size beyond all numbers',
  refused,
  archive(rawMember({ name: 'x', size: Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)]) })),
  'x.tar',
);
test('a folder with content', refused, archive(rawMember({ name: 'x', type: '5' }, 'content')), 'content');
test(
  'a link with content',
  refused,
  archive(rawMember({ name: `${id}/layer.tar`, type: '2' }, 'c')),
  'content',
);
test(
  'a symbolic link for manifest.json',
  refused,
  archive(rawMember({ name: 'manifest.json', type: '2', target: 'evil' })),
  'link',
);
test(
  'a hard link for manifest.json',
  refused,
  archive(good, rawMember({ name: 'manifest.json', type: '1', target: 'good' })),
  'link',
);
test(
  'a link out of the archive',
  refused,
  archive(rawMember({ name: `${id}/layer.tar`, type: '2', target: '../../etc/passwd' })),
  'link',
);
test(
  'a hard link to nothing',
  refused,
  archive(rawMember({ name: `${id}/layer.tar`, type: '1', target: `${other}/layer.tar` })),
  'hard link',
);
test('an extended link', refused, archive(pax(['linkpath', 'x']), good), 'linkpath');
test(
  'a sparse file by extended header',
  refused,
  archive(pax(['GNU.sparse.name', 'manifest.json']), good),
  'GNU.sparse',
);
test('another character set', refused, archive(pax(['hdrcharset', 'BINARY']), good), 'hdrcharset');
test('an unknown extension', refused, archive(pax(['surprise', '1']), good), 'surprise');
test('two extended names', refused, archive(pax(['path', 'a'], ['path', 'b']), good), 'two values');
test(
  'two extended headers',
  refused,
  archive(pax(['mtime', '1']), pax(['mtime', '1']), good),
  'two extended',
);
test('an extended header at the end', refused, archive(good, pax(['mtime', '1'])), 'without its member');
test(
  'a broken extended header',
  refused,
  archive(rawMember({ name: 'p', type: 'x' }, '99 path=a\n'), good),
  'broken',
);
test(
  'an extended header without length',
  refused,
  archive(rawMember({ name: 'p', type: 'x' }, 'path=a\n'), good),
  'broken',
);
test(
  'an extended header without key',
  refused,
  archive(rawMember({ name: 'p', type: 'x' }, '5 =a\n'), good),
  'key',
);
test(
  'a huge extended header',
  refused,
  archive(rawMember({ name: 'p', type: 'x' }, 'x'.repeat(70_000)), good),
  'over',
);
test(
  'an extended header for a folder with a size',
  refused,
  archive(pax(['size', '9000000000']), rawMember({ name: 'd', type: '5' })),
  'content',
);
test('a long name', refused, archive(pax(['path', 'n'.repeat(limits.saveName + 1)]), good), 'bytes');
test('something in the padding', refused, archive(tampered(good)), 'gap');
test('data behind the end', refused, Buffer.concat([archive(good), good]), 'behind the end');
test(
  'a second archive behind the first',
  refused,
  Buffer.concat([archive(good), archive(good)]),
  'behind the end',
);
test(
  'one zero block, then more',
  refused,
  Buffer.concat([good, Buffer.alloc(512), good, endMark]),
  'end mark',
);
test('one zero block only', refused, Buffer.concat([good, Buffer.alloc(512)]), 'end mark');
test('no end mark', refused, good, 'cut off');
test('nothing', refused, Buffer.alloc(0), 'cut off');
test('cut in a header', refused, good.subarray(0, 300), 'cut off');
test(
  'cut in the content',
  refused,
  rawMember({ name: 'big' }, 'x'.repeat(2000)).subarray(0, 1500),
  'big: the archive is cut off in it',
);
test('cut in the padding', refused, good.subarray(0, 700), 'cut off behind it');
test(
  'cut in an extended header',
  refused,
  pax(['path', 'a'.repeat(600)]).subarray(0, 600),
  'cut off in an extended',
);
test('no archive', refused, Buffer.from('<html>'.repeat(1000)), 'x.tar');

function tampered(member: Buffer): Buffer {
  const bytes = Buffer.from(member);
  bytes[1000] = 1;
  return bytes;
}

test('zeros behind the end, as GNU tar fills its records, are fine', async (t) => {
  t.is((await read(Buffer.concat([archive(good), Buffer.alloc(9 * 1024)]))).length, 1);
});

test('more members than any save has', async (t) => {
  async function* endless(): AsyncGenerator<Buffer> {
    for (let at = 0; ; at += 1) yield await Promise.resolve(rawHeader({ name: `m${at}` }));
  }
  const reading = readTar(endless(), { name: 'x.tar' }, () => Promise.resolve());
  const error = await t.throwsAsync(reading, { instanceOf: PackferryError, code: 'E_ARCHIVE_MALFORMED' });
  t.true(error.message.includes(String(limits.saveMembers)), error.message);
});

test('the reason of the signal ends the reading', async (t) => {
  const stop = new AbortController();
  const reading = readTar(streamOf([archive(good)]), { name: 'x.tar', signal: stop.signal }, () => {
    stop.abort(new Error('enough'));
    return Promise.resolve();
  });
  await t.throwsAsync(reading, { message: 'enough' });
});

test('the stream is closed when reading ends early', async (t) => {
  let isClosed = false;
  async function* source(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield await Promise.resolve(Buffer.from('x'.repeat(600)));
    } finally {
      isClosed = true;
    }
  }
  await t.throwsAsync(readTar(source(), { name: 'x.tar' }, () => Promise.resolve()));
  t.true(isClosed);
});
