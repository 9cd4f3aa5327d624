import type { PackferryError } from '../errors.ts';

/** Makes the error for malformed input out of a reason; the maker knows the file and the code. */
export type Fail = (reason: string) => PackferryError;

/**
 * Reads the SSH wire encoding (RFC 4251 section 5) strictly: every length is checked against what is left, numbers
 * must be written in the one shortest way, and `end` refuses left-over bytes. `what` names the field in errors.
 */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #fail: Fail;
  #offset = 0;

  constructor(bytes: Uint8Array, fail: Fail) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }

  /** The next `length` bytes, without a length before them. */
  raw(length: number, what: string): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw this.#fail(`it ends inside ${what}`);
    const part = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return part;
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#offset;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  byte(what: string): number {
    return this.raw(1, what).readUInt8();
  }

  uint32(what: string): number {
    return this.raw(4, what).readUInt32BE();
  }

  uint64(what: string): bigint {
    return this.raw(8, what).readBigUInt64BE();
  }

  /** A byte string: uint32 length, then the bytes. */
  string(what: string): Buffer {
    return this.raw(this.uint32(what), what);
  }

  /** A string that holds UTF-8 text. */
  text(what: string): string {
    const bytes = this.string(what);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#fail(`${what} is not UTF-8`);
    }
  }

  /** A positive mpint as big-endian bytes without leading zeros. Zero, negative and padded numbers are refused. */
  mpint(what: string): Buffer {
    const bytes = this.string(what);
    const [first, second] = bytes;
    if (first === undefined) throw this.#fail(`${what} is zero`);
    if (first >= 0x80) throw this.#fail(`${what} is negative`);
    if (first !== 0) return bytes;
    if (second === undefined || second < 0x80) throw this.#fail(`${what} has needless leading zeros`);
    return bytes.subarray(1);
  }

  /** Refuses bytes that no field has claimed. */
  end(what: string): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) throw this.#fail(`${left} bytes are left over after ${what}`);
  }
}

export function wireUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A byte string, or text as UTF-8. */
export function wireString(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([wireUint32(bytes.length), bytes]);
}

/** A non-negative number, given as big-endian bytes, in the shortest mpint. */
export function wireMpint(magnitude: Uint8Array): Buffer {
  const start = magnitude.findIndex((byte) => byte !== 0);
  if (start < 0) return wireString('');
  const digits = magnitude.subarray(start);
  const isHigh = (digits[0] ?? 0) >= 0x80;
  return wireString(isHigh ? Buffer.concat([Buffer.of(0), digits]) : digits);
}
