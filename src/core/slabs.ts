/**
 * Memory that bytes from the network are read into, and that is used again as soon as nobody needs them any more. Buffers
 * that Node makes for every read are freed when its garbage collector gets to it, which may be hundreds of megabytes
 * later. Who reads a stream and knows when it is done with a chunk gives it back; what nobody gives back is left to the
 * collector, as ever.
 */
interface Slab {
  readonly bytes: Buffer;
  /** Where the next bytes go. */
  used: number;
  /** Parts of it that somebody holds. */
  held: number;
  /** Its reader fills another one. */
  isLeft: boolean;
}

/** Bytes of one; several reads go into it. */
const slabSize = 256 * 1024;
/** A read into less room would bring too little. */
const leastRoom = 32 * 1024;
/** How many are kept for the next reader. More than that are never in use by an export with the usual connections. */
const mostFree = 64;

const slabs = new WeakMap<ArrayBufferLike, Slab>();
const free: Slab[] = [];

/** The memory of one who reads: bytes are put where `room` says, one read after the other. */
export class SlabReader {
  #slab: Slab | undefined;

  /** Where the next bytes are to be put: at least 32 KiB. */
  room(): Buffer {
    let slab = this.#slab;
    if (slab?.held === 0) slab.used = 0;
    if (slab === undefined || slab.bytes.length - slab.used < leastRoom) {
      this.leave();
      slab = this.#slab = free.pop() ?? made();
    }
    return slab.bytes.subarray(slab.used);
  }

  /** So many bytes were put there. They stay until they are given back. */
  took(bytes: number): Buffer {
    const slab = this.#slab;
    if (slab === undefined) throw new Error('there was no room');
    const taken = slab.bytes.subarray(slab.used, slab.used + bytes);
    slab.used += bytes;
    slab.held += 1;
    return taken;
  }

  /** Nothing more is read. */
  leave(): void {
    const slab = this.#slab;
    this.#slab = undefined;
    if (slab === undefined) return;
    slab.isLeft = true;
    recycle(slab);
  }
}

/** One more holds (a part of) these bytes: they must be given back once more. */
export function hold(bytes: Buffer): void {
  const slab = slabs.get(bytes.buffer);
  if (slab !== undefined) slab.held += 1;
}

/** The bytes are not needed any more, by one of those who hold them, and will change. Others than from a slab are ignored. */
export function giveBack(bytes: Buffer): void {
  const slab = slabs.get(bytes.buffer);
  if (slab === undefined) return;
  slab.held -= 1;
  recycle(slab);
}

function recycle(slab: Slab): void {
  if (!slab.isLeft || slab.held > 0 || free.length >= mostFree) return;
  slab.isLeft = false;
  slab.used = 0;
  free.push(slab);
}

function made(): Slab {
  const bytes = Buffer.allocUnsafeSlow(slabSize);
  const slab = { bytes, used: 0, held: 0, isLeft: false };
  slabs.set(bytes.buffer, slab);
  return slab;
}
