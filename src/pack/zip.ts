import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import * as yauzl from 'yauzl';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { ArchiveAccess, ArchiveSource } from './archive-source.ts';
import { tooLarge, type Member, type PassingMember, type ReadOptions } from './archive-member.ts';

const inflate = promisify(inflateRaw);

/** The number of the compression method; 0 is for members that are stored as they are. */
const deflated = 8;

/** Bytes of the directory that are read at once. */
const windowSize = 256 * 1024;

/** Serves the many small reads of the directory from a larger piece. */
class WindowReader extends yauzl.RandomAccessReader {
  readonly #access: ArchiveAccess;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(access: ArchiveAccess) {
    super();
    this.#access = access;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (fault: Error | null) => void,
  ): void {
    const from = position - this.#start;
    if (from >= 0 && from + length <= this.#window.length) {
      this.#window.copy(buffer, offset, from, from + length);
      callback(null);
      return;
    }
    this.#access.readAt(position, Math.max(length, windowSize)).then((window) => {
      this.#window = window;
      this.#start = position;
      const copied = window.copy(buffer, offset, 0, length);
      callback(copied < length ? new Error('it ends too early') : null);
    }, callback);
  }
}

/**
 * Passes every member of a zip archive on, in the order of its directory. Nothing but the wanted members is
 * decompressed, each only up to the size that the directory tells. A directory that tells of fewer members than it has
 * is refused: other programs would see more than we do.
 */
export function readZip(
  source: ArchiveSource,
  options: ReadOptions,
  pass: (passing: PassingMember) => Promise<void>,
): Promise<void> {
  return source.withAccess(async (access) => {
    const reader = new WindowReader(access);
    // Names are judged where the tree is built: a single bad one must not hide the other members.
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, access.size, {
      ...{ lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true },
    });
    for await (const entry of zip.eachEntry()) {
      options.signal?.throwIfAborted();
      options.budget.count();
      const limit = options.limitOf(zip.entriesRead - 1);
      const member = memberOf(entry);
      const content =
        limit === undefined ? undefined : await contentOf({ zip, entry, access, limit }, member, options);
      await pass({ member, content });
    }
    const cursor: unknown = zip.readEntryCursor;
    const next = typeof cursor === 'number' ? await access.readAt(cursor, 4) : Buffer.alloc(0);
    if (next.toString('latin1') === 'PK\u0001\u0002')
      throw new Error('its directory has more members than it tells');
  });
}

function memberOf(entry: yauzl.Entry): Member {
  const { generalPurposeBitFlag, fileNameRaw, extraFields, versionMadeBy, externalFileAttributes } = entry;
  const name = yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
  if (name.endsWith('/')) return { name, kind: 'folder' };
  // Made on Unix, the upper half of the attributes is the mode of the file.
  const type = versionMadeBy >>> 8 === 3 ? (externalFileAttributes >>> 28) & 0xf : 0;
  if (type === 0xa) return { name, kind: 'link' };
  return { name, kind: type === 0 || type === 8 ? 'file' : 'other' };
}

interface Wanted {
  readonly zip: yauzl.ZipFile;
  readonly entry: yauzl.Entry;
  readonly access: ArchiveAccess;
  readonly limit: number;
}

async function contentOf(
  { zip, entry, access, limit }: Wanted,
  member: Member,
  { path, budget }: ReadOptions,
): Promise<Buffer | PackferryError> {
  const name = `${path}!${member.name}`;
  const { uncompressedSize, compressedSize, compressionMethod } = entry;
  if (entry.isEncrypted()) {
    return new PackferryError('E_PACK_INVALID', `${name}: encrypted`, {
      hint: 'Pack it anew without a password.',
    });
  }
  if (!entry.canDecodeFileData()) {
    const message = `${name}: compressed by a method that is not supported (number ${compressionMethod})`;
    return new PackferryError('E_PACK_INVALID', message, {
      hint: 'Pack it anew with the usual method, deflate.',
    });
  }
  const largest = Math.max(uncompressedSize, compressedSize);
  if (largest > limit) return tooLarge(name, largest, limit);
  budget.spend(uncompressedSize);
  try {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const packed = await access.readAt(fileDataStart, compressedSize);
    // A limit of 0 is not allowed.
    const maxOutputLength = Math.max(uncompressedSize, 1);
    const bytes = compressionMethod === deflated ? await inflate(packed, { maxOutputLength }) : packed;
    if (bytes.length !== uncompressedSize)
      throw new Error(`not the ${uncompressedSize} bytes that it should have`);
    if (crc32(bytes) !== entry.crc32) throw new Error('its checksum (CRC-32) is wrong');
    return bytes;
  } catch (cause) {
    return new PackferryError('E_PACK_INVALID', `${name}: damaged: ${messageOf(cause)}`, {
      hint: 'Download or copy the archive again.',
      cause,
    });
  }
}
