import type { Digest } from './digest.ts';

/** Why something of a bundle is not there as it was signed. `unreadable`: the medium does not give it. */
export type Loss = 'missing' | 'unreadable' | 'damaged';

/** What was found of one file of a bundle's signed list. */
export interface FileResult {
  readonly file: string;
  /** Its length, as far as there is one. */
  readonly bytes?: number;
  /** What its content hashes to, 64 hex digits. Absent where not all of it was read. */
  readonly sha256?: string;
  readonly result: 'good' | Loss;
}

/** An item of a content pack, or of a manifest, that needs an image. */
export interface ItemOfPack {
  readonly pack: string;
  readonly kind: 'integration' | 'script' | 'manifest';
  readonly item: string;
}

/** An image that lacks a blob, and the items that use it. */
export interface StrickenImage {
  readonly reference: string;
  readonly items: readonly ItemOfPack[];
}

/** A blob that is not there as planned, with all that cannot do without it. */
export interface LostBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly kind: 'manifest' | 'config' | 'layer';
  readonly archive: string;
  /** Where its first byte stands, or should stand, in the archive. */
  readonly offset: number;
  readonly why: Loss;
  /** Other archives of the bundle that hold it intact. */
  readonly intactIn: readonly string[];
  /** The images that need it. */
  readonly images: readonly StrickenImage[];
}

/** A stretch of an archive between the blobs. It follows from bundle.json and need not be carried again. */
export interface DamagedPart {
  readonly member: string;
  readonly part: 'header' | 'document' | 'padding' | 'end';
  readonly offset: number;
}

export interface DamagedFile {
  readonly file: string;
  /** What it should hash to, 64 hex digits. */
  readonly sha256: string;
  readonly why: Loss;
  /** Of archives whose length is wrong: what it should be, and what it is. */
  readonly size?: { readonly expected: number; readonly got: number };
  readonly parts?: readonly DamagedPart[];
}

/** All that is lost of a bundle whose signature is good. */
export interface BundleDamage {
  readonly bundle: {
    /** Unknown when `bundle.json` itself is lost. */
    readonly name?: string;
    readonly sequence?: number;
    /** sha256 in hex of SHA256SUMS. */
    readonly sumsSha256: string;
  };
  readonly files: readonly DamagedFile[];
  /** The blobs that have to be carried again. */
  readonly blobs: readonly LostBlob[];
  /** False when `bundle.json` is lost: which blobs the damaged archives hold is then not known. */
  readonly blobsKnown: boolean;
  /** The layers that some archive still holds intact, by digest. Absent when `bundle.json` is lost. */
  readonly intactLayers?: readonly Digest[];
}
