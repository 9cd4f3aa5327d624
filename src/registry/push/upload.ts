import type { Digest } from '../../core/digest.ts';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { noteSecretParameters } from '../../core/redact.ts';
import type { Repository } from '../endpoint.ts';
import { interrupted } from '../interrupted.ts';
import { backOff } from '../retry.ts';
import { headerOf, refuseDowngrade, type Answer } from '../transport.ts';
import { mayPass, refusedWith } from './fault.ts';
import { otherDigest, type Writer } from './writer.ts';

/** An upload that cannot be gone on with: the blob has to be sent anew, from its first byte. */
export class LostUpload extends Error {
  override readonly name = 'LostUpload';
  /** What to report where sending it anew does not help either. */
  readonly error: PackferryError;

  constructor(error: PackferryError) {
    super('the upload is lost', { cause: error });
    this.error = error;
  }
}

export interface UploadOptions {
  readonly writer: Writer;
  readonly repository: Repository;
  /** What is being brought, for messages: names the image. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Milliseconds that a registry gets to forget an upload that nobody goes on with. */
const cancelWithin = 3000;

/**
 * One upload of a blob, from the answer that opened it on (distribution specification, "Pushing a blob in chunks"). After
 * a cut the registry is asked how far it came, and the upload goes on from there.
 */
export class Upload {
  readonly #options: UploadOptions;
  /** Where it goes on; every answer may name another place. */
  #place: URL;
  /** Bytes that the registry has. */
  #reached = 0;
  /** The registry wants no smaller pieces than this, but for the last one. In bytes. */
  readonly leastPiece: number;

  constructor(options: UploadOptions, opened: Answer) {
    this.#options = options;
    this.#place = this.#placeIn(opened) ?? this.#fail('does not say where the upload goes on');
    const least = Number(headerOf(opened, 'oci-chunk-min-length') ?? 0);
    this.leastPiece = Number.isSafeInteger(least) && least > 0 ? least : 0;
    if (this.leastPiece > limits.uploadPiece) {
      this.#fail(`wants pieces of ${this.leastPiece} bytes, more than packferry keeps in memory`);
    }
  }

  /** Sends the next bytes of the blob. `onSent` is told how many of them are gone. Throws `LostUpload`, `E_TARGET_...`. */
  async append(bytes: Buffer, onSent: (bytes: number) => void): Promise<void> {
    const start = this.#reached;
    const end = start + bytes.length;
    let tries = 0;
    while (this.#reached < end) {
      const before = this.#reached;
      try {
        const told = (sent: number): void => {
          onSent(before - start + sent);
        };
        await this.#patch(bytes.subarray(before - start), told);
      } catch (fault) {
        const error = asPackferryError(fault);
        const isAsked = mayPass(error) || refusedWith(error) === 416;
        if (refusedWith(error) === 404) throw new LostUpload(error);
        if (!isAsked) throw error;
        await this.#pause(error, tries);
        await this.#askReached(error);
      }
      if (this.#reached < start || this.#reached > end) {
        const hint =
          'Look into the log of the registry, or of a proxy before it, and run the same command again.';
        const message = `${this.#options.what}: the registry says that it has ${this.#reached} bytes of it`;
        throw new LostUpload(new PackferryError('E_TARGET_PROTOCOL', message, { hint }));
      }
      tries = this.#reached > before ? 0 : tries + 1;
      if (tries > this.#options.writer.policy.retries) this.#fail(`takes no more than ${before} bytes of it`);
    }
  }

  /**
   * Closes the upload; `bytes` are all of the blob where nothing was sent before. The registry compares the digest. After
   * a cut, `isThere` tells whether it has the blob all the same.
   */
  async finish(
    digest: Digest,
    isThere: () => Promise<boolean>,
    content?: { readonly bytes: Buffer; readonly onSent: (bytes: number) => void },
  ): Promise<void> {
    const { writer, repository, what, signal } = this.#options;
    // What stands there already is not taken apart and put together: it may be signed.
    const place = new URL(`${this.#place.href}${this.#place.search === '' ? '?' : '&'}digest=${digest}`);
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await writer.ask(repository, {
          ...{ path: place, method: 'PUT', expects: [201, 204], once: true, what, signal },
          headers: { 'content-type': 'application/octet-stream' },
          ...(content === undefined ? {} : { content }),
        });
        const other = otherDigest(answer, digest);
        if (other === undefined) return;
        throw new PackferryError('E_NOT_CONFIRMED', `${what}: the registry took it as ${other}`, {
          hint: 'The registry, or a proxy before it, is broken.',
        });
      } catch (fault) {
        const error = asPackferryError(fault);
        const status = refusedWith(error);
        const isLost = status === 400 || status === 404 || status === 416;
        if (!isLost && !mayPass(error)) throw error;
        await this.#pause(error, tries);
        if (await isThere()) return;
        // How much of a whole blob has come is not asked: it is short.
        if (isLost || content !== undefined || tries >= writer.policy.retries) throw new LostUpload(error);
      }
    }
  }

  /** Tells the registry that nobody goes on with it; where that fails, it finds out by itself one day. */
  async cancel(): Promise<void> {
    const { writer, repository, what } = this.#options;
    const request = { path: this.#place, method: 'DELETE', expects: [200, 202, 204, 404], what } as const;
    const signal = AbortSignal.timeout(cancelWithin);
    await writer.ask(repository, { ...request, once: true, signal }).catch(() => undefined);
  }

  async #patch(bytes: Buffer, onSent: (bytes: number) => void): Promise<void> {
    const { writer, repository, what, signal } = this.#options;
    const from = this.#reached;
    const answer = await writer.ask(repository, {
      ...{ path: this.#place, method: 'PATCH', expects: [202, 204], once: true, what, signal },
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${from}-${from + bytes.length - 1}`,
      },
      content: { bytes, onSent },
    });
    this.#place = this.#placeIn(answer) ?? this.#place;
    this.#reached = reachedIn(answer) ?? from + bytes.length;
  }

  /** Asks how far the registry came. One that cannot tell has lost the upload. */
  async #askReached(why: PackferryError): Promise<void> {
    const { writer, repository, what, signal } = this.#options;
    try {
      const answer = await writer.ask(repository, {
        ...{ path: this.#place, expects: [200, 202, 204], what, signal },
      });
      this.#place = this.#placeIn(answer) ?? this.#place;
      this.#reached = reachedIn(answer) ?? 0;
    } catch (fault) {
      if (signal.aborted) throw interrupted(signal, what);
      const error = asPackferryError(fault);
      throw mayPass(error) || error.code === 'E_TARGET_DENIED' ? error : new LostUpload(why);
    }
  }

  async #pause(error: PackferryError, tries: number): Promise<void> {
    const { writer, what, signal } = this.#options;
    if (signal.aborted) throw interrupted(signal, what);
    if (tries >= writer.policy.retries) throw error;
    await writer.policy.waits.pause(what, error, backOff(tries, writer.policy), signal);
  }

  /** The address in an answer; relative ones are allowed (RFC 9110, section 10.2.2). */
  #placeIn(answer: Answer): URL | undefined {
    const location = headerOf(answer, 'location');
    if (location === undefined) return undefined;
    const { what, writer } = this.#options;
    const url = URL.canParse(location, answer.url.href) ? new URL(location, answer.url) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return this.#fail('leads to no usable address');
    noteSecretParameters(url);
    // Registries behind a proxy that ends TLS often do not know it.
    if (answer.url.protocol === 'https:' && url.host === answer.url.host) url.protocol = 'https:';
    try {
      refuseDowngrade(answer.url, url, what);
    } catch (fault) {
      throw writer.fault(fault);
    }
    return url;
  }

  #fail(why: string): never {
    const { what, writer } = this.#options;
    throw new PackferryError('E_TARGET_PROTOCOL', `${what}: ${writer.endpoint.host} ${why}`, {
      hint: 'The registry, or a proxy before it, is broken.',
    });
  }
}

/** `Range: 0-<last byte>`. Registries say 0-0 for nothing at all; that it is one byte is never the case here. */
function reachedIn(answer: Answer): number | undefined {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(headerOf(answer, 'range') ?? '') ?? [];
  if (last === undefined) return undefined;
  return last === '0' ? 0 : Number(last) + 1;
}
