import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { asPackferryError, messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { connectionFault } from './fault.ts';
import { discard, Http, type Answer } from './http.ts';
import type { FilledOptions } from './options.ts';
import { isAbsence, refusalOf } from './refusal.ts';
import { withRetries } from './retry.ts';

export interface Download {
  /** Below the base URL. */
  readonly url: string;
  /** Where the file is to be, once it is whole and `check` has nothing against it. */
  readonly file: string;
  readonly maxBytes: number;
  /** What is being fetched, for messages. */
  readonly what: string;
  /** Looks at the whole file, which is still under a temporary name, and throws when it is of no use. */
  readonly check: (part: string) => Promise<void>;
  /** The version that is at hand already; when the server has no other, nothing is downloaded. */
  readonly knownTag?: string | undefined;
  /** Bytes so far. They start anew when a try has failed. */
  readonly onBytes: (bytes: number) => void;
}

export interface Downloaded {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly tag: string | undefined;
}

/** The files of a marketplace as they lie on its server. */
export class Bucket {
  readonly #options: FilledOptions;
  readonly #http: Http;

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#http = new Http(options);
  }

  /** The host and path of the marketplace, for messages. */
  get name(): string {
    const { host, pathname } = this.#options.baseUrl;
    return `${host}${pathname.replace(/\/$/, '')}`;
  }

  /**
   * Downloads a file. It appears under its name only when it is complete, checked and synced. Undefined: it is still the
   * one of `knownTag`. Anything but a success throws, `E_LIMIT_EXCEEDED` when the file is too large.
   */
  async download(download: Download): Promise<Downloaded | undefined> {
    const { file, what } = download;
    const part = partOf(file);
    try {
      await onDisk(file, () => makeFolder(path.dirname(file), mkdir));
      const got = await withRetries(() => this.#attempt(download, part), this.#options, what);
      if (got === undefined) return undefined;
      await download.check(part);
      await onDisk(file, () => rename(part, file));
      return got;
    } finally {
      await rm(part, { force: true });
    }
  }

  /** Does the server have this file? Asks for its head only. */
  async has(url: string, what: string): Promise<boolean> {
    try {
      await withRetries(
        async () => {
          const answer = await this.#http.send({ method: 'HEAD', url: this.#urlOf(url), what });
          await discard(answer);
          if (answer.status !== 200) throw refused(answer, what);
        },
        this.#options,
        what,
      );
      return true;
    } catch (fault) {
      if (fault instanceof PackferryError && isAbsence(fault)) return false;
      throw fault;
    }
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await this.#http.close();
  }

  #urlOf(url: string): URL {
    return new URL(url, this.#options.baseUrl);
  }

  async #attempt(download: Download, part: string): Promise<Downloaded | undefined> {
    const { what, knownTag } = download;
    const headers = knownTag === undefined ? {} : { 'if-none-match': knownTag };
    const answer = await this.#http.send({ method: 'GET', url: this.#urlOf(download.url), headers, what });
    try {
      if (answer.status === 304 && knownTag !== undefined) return undefined;
      if (answer.status !== 200) throw refused(answer, what);
      const handle = await onDisk(part, () => open(part, 'w', 0o644));
      try {
        return await receive(answer, handle, download);
      } finally {
        await handle.close();
      }
    } catch (fault) {
      throw connectionFault(fault, answer.url, what);
    } finally {
      await discard(answer);
    }
  }
}

async function receive(answer: Answer, handle: FileHandle, download: Download): Promise<Downloaded> {
  const { file, what, maxBytes, onBytes } = download;
  const announced = Number(answer.header('content-length') ?? Number.NaN);
  if (announced > maxBytes) throw tooLarge(what, announced, maxBytes);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(what, bytes, maxBytes);
    hash.update(chunk);
    await onDisk(file, () => handle.writeFile(chunk));
    onBytes(bytes);
  }
  await onDisk(file, () => handle.sync());
  return { bytes, sha256: hash.digest('hex'), tag: answer.header('etag') };
}

function refused(answer: Answer, what: string): PackferryError {
  const { status, url } = answer;
  return refusalOf({ status, url, retryAfter: answer.header('retry-after') }, what);
}

function tooLarge(what: string, bytes: number, maxBytes: number): PackferryError {
  const over = `${formatSize(bytes)} or more, over the limit of ${formatSize(maxBytes)}`;
  return new PackferryError('E_LIMIT_EXCEEDED', `${what}: ${over}`);
}

/** A temporary name beside a file that nobody else uses. */
export function partOf(file: string): string {
  return path.join(path.dirname(file), `.packferry-${randomBytes(8).toString('hex')}.part`);
}

/** Does something to the disk, and names the file when that fails. */
export async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (['ENOSPC', 'EDQUOT'].includes(systemCodeOf(fault) ?? '')) throw asPackferryError(fault);
    throw new PackferryError('E_OUTPUT_UNWRITABLE', `${file} cannot be written: ${messageOf(fault)}`, {
      hint: 'Name a cache folder on a writable disk that belongs to you.',
      cause: fault,
    });
  }
}
