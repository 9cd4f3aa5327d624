import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { IndexedImage, MetadataIndex, PackageVersions } from './metadata-index.ts';

/** What an index file was made from, and by which version of this format. Others are made anew. */
export interface IndexKey {
  readonly folder: string;
  readonly fingerprint: string;
}

/** The second line of an index file. */
interface Head extends Pick<MetadataIndex, 'skipped' | 'skippedNames'> {
  /** The sizes of the two texts that follow, in bytes. */
  readonly packages: number;
  readonly images: number;
}

const newline = 0x0a;

/**
 * An index as it is kept in a file: a line that tells what it was made from and the hash of the rest; a line of JSON;
 * a text with a line for each package (kind, name, versions); a text with a line for each tag (image, tag, bytes, time,
 * Python, number of packages); and the packages of all tags one after the other, as 32-bit numbers of this machine.
 */
export function encodeIndex(index: MetadataIndex, key: IndexKey): Buffer {
  const packages = lines(index.packages.map(({ kind, name, versions }) => [kind, name, ...versions]));
  const images = lines(
    index.images.map(({ image, tag, bytes, created, python, packages: { length } }) => {
      return [image, tag, String(bytes ?? ''), created ?? '', python ?? '', String(length)];
    }),
  );
  const { skipped, skippedNames } = index;
  const head: Head = { skipped, skippedNames, packages: packages.length, images: images.length };
  const contents = index.images.map(({ packages: { buffer, byteOffset, byteLength } }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), packages, images, ...contents]);
  return Buffer.concat([Buffer.from(`${firstLine(key, rest)}\n`), rest]);
}

/** The index out of its file; undefined when it is of something else, of another version or damaged. */
export function decodeIndex(bytes: Buffer, key: IndexKey): MetadataIndex | undefined {
  const [first, rest] = cutLine(bytes);
  // With the hash in it, so nothing below has to be doubted: it is what this version wrote. Loading a library to
  // check the shape would take longer than the whole search.
  if (first !== firstLine(key, rest)) return undefined;
  const [head, content] = cutLine(rest);
  const { skipped, skippedNames, packages, images } = JSON.parse(head) as Head;
  const texts = packages + images;
  const places = new Uint32Array(Uint8Array.from(content.subarray(texts)).buffer);
  return {
    packages: packagesIn(content.toString('utf8', 0, packages)),
    images: imagesIn(content.toString('utf8', packages, texts), places),
    ...{ skipped, skippedNames },
  };
}

function firstLine({ folder, fingerprint }: IndexKey, rest: Buffer): string {
  const hash = createHash('sha256').update(rest).digest('hex');
  return JSON.stringify(['packferry.image-metadata-index/v2', folder, fingerprint, endianness(), hash]);
}

function cutLine(bytes: Buffer): [line: string, rest: Buffer] {
  const end = bytes.indexOf(newline);
  return end < 0 ? ['', bytes] : [bytes.toString('utf8', 0, end), bytes.subarray(end + 1)];
}

/** No field has white space in it: see `parseMetadata`. */
function lines(rows: readonly (readonly string[])[]): Buffer {
  return Buffer.from(rows.map((row) => row.join('\t')).join('\n'));
}

function rowsOf(text: string): string[][] {
  return text === '' ? [] : text.split('\n').map((line) => line.split('\t'));
}

function packagesIn(text: string): PackageVersions[] {
  let first = 0;
  return rowsOf(text).map(([kind, name = '', ...versions]) => {
    const place = first;
    first += versions.length;
    return { kind: kind === 'python' ? 'python' : 'os', name, first: place, versions };
  });
}

function imagesIn(text: string, places: Uint32Array): IndexedImage[] {
  let start = 0;
  return rowsOf(text).map(([image = '', tag = '', bytes = '', created = '', python = '', count = '']) => {
    const packages = places.subarray(start, start + Number(count));
    start += packages.length;
    return {
      ...{ image, tag, packages },
      bytes: bytes === '' ? undefined : Number(bytes),
      created: created || undefined,
      python: python || undefined,
    };
  });
}
