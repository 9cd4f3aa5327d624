import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import * as yauzl from 'yauzl';
import { messageOf, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { formatSize } from '../../core/size.ts';
import { refuseAborted } from './fault.ts';

export interface ZipOptions {
  /** What the archive is, for messages. */
  readonly what: string;
  /** Which members are of interest; the others are only counted. Default: all. */
  readonly wanted?: (member: string) => boolean;
}

/**
 * A zip archive on the disk whose members can be read one at a time. Names that lead out of it, members that are there
 * twice, wrong sizes and checksums are refused with `E_SOURCE_PROTOCOL`; too many members and content out of all
 * proportion to the archive with `E_LIMIT_EXCEEDED`.
 */
export class Zip {
  readonly #zip: yauzl.ZipFile;
  readonly #what: string;
  readonly #entries: ReadonlyMap<string, yauzl.Entry>;

  private constructor(zip: yauzl.ZipFile, what: string, entries: ReadonlyMap<string, yauzl.Entry>) {
    this.#zip = zip;
    this.#what = what;
    this.#entries = entries;
  }

  /** Opens an archive and reads its directory. It must be closed. */
  static async open(file: string, { what, wanted = () => true }: ZipOptions): Promise<Zip> {
    const { size } = await stat(file);
    const zip = await yauzl
      .openPromise(file, {
        lazyEntries: true,
        autoClose: false,
        validateEntrySizes: true,
        strictFileNames: true,
      })
      .catch((fault: unknown) => Promise.reject(unreadable(what, fault)));
    try {
      return new Zip(zip, what, await readDirectory(zip, size, what, wanted));
    } catch (fault) {
      zip.close();
      throw unreadable(what, fault);
    }
  }

  /** The names of the members of interest, without folders. */
  get members(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Reads a member whole; undefined when there is none of this name. */
  async read(member: string, maxBytes: number): Promise<Buffer | undefined> {
    const entry = this.#entries.get(member);
    if (entry === undefined) return undefined;
    if (entry.uncompressedSize > maxBytes) {
      const size = formatSize(entry.uncompressedSize);
      throw overLimit(`${this.#what}: ${member}: ${size}, over the limit of ${formatSize(maxBytes)}`);
    }
    const chunks: Buffer[] = [];
    await this.#pass(entry, (chunk) => chunks.push(chunk));
    return Buffer.concat(chunks);
  }

  /** Reads every member once, to see that all are whole. */
  async verify(signal: AbortSignal | undefined): Promise<void> {
    for (const entry of this.#entries.values()) {
      refuseAborted(signal, this.#what);
      await this.#pass(entry, () => undefined);
    }
  }

  close(): void {
    this.#zip.close();
  }

  async #pass(entry: yauzl.Entry, take: (chunk: Buffer) => void): Promise<void> {
    try {
      let sum = 0;
      const stream: Readable = await this.#zip.openReadStreamPromise(entry);
      // The stream itself ends with a fault when there are more or fewer bytes than the directory tells.
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        sum = crc32(chunk, sum);
        take(chunk);
      }
      if (sum !== entry.crc32) throw new Error('its checksum (CRC-32) is wrong');
    } catch (fault) {
      throw unreadable(`${this.#what}: ${entry.fileName}`, fault);
    }
  }
}

async function readDirectory(
  zip: yauzl.ZipFile,
  size: number,
  what: string,
  wanted: (member: string) => boolean,
): Promise<ReadonlyMap<string, yauzl.Entry>> {
  const entries = new Map<string, yauzl.Entry>();
  const most = Math.max(limits.marketplaceContentOfAny, size * limits.marketplaceRatio);
  let content = 0;
  for await (const entry of zip.eachEntry()) {
    const { fileName, uncompressedSize } = entry;
    content += uncompressedSize;
    if (content > most)
      throw overLimit(`${what}: more than ${formatSize(most)} of content in the zip archive`);
    if (zip.entriesRead > limits.marketplaceMembers) {
      throw overLimit(`${what}: more than ${limits.marketplaceMembers} files in the zip archive`);
    }
    if (fileName.endsWith('/') || !wanted(fileName)) continue;
    if (entries.has(fileName)) throw new Error(`it has ${JSON.stringify(fileName)} twice`);
    entries.set(fileName, entry);
  }
  return entries;
}

function overLimit(message: string): PackferryError {
  return new PackferryError('E_LIMIT_EXCEEDED', message);
}

function unreadable(what: string, fault: unknown): PackferryError {
  if (fault instanceof PackferryError) return fault;
  return new PackferryError('E_SOURCE_PROTOCOL', `${what}: no readable zip archive: ${messageOf(fault)}`, {
    hint: 'A proxy or a log-in page may have answered instead. Check the address, then run the same command again.',
    cause: fault,
  });
}
