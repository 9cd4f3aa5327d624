import type { Readable } from 'node:stream';
import type { Digest } from './digest.ts';
import type { Descriptor } from './image.ts';

/** A manifest or index as it is served: its descriptor and its exact bytes. */
export interface ServedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A blob that can be read from any byte on. */
export interface ServedBlob {
  /** Length in bytes. */
  readonly size: number;
  /** Opens the bytes `from` (inclusive) up to `end` (exclusive, default: all). */
  open(from?: number, end?: number): Readable;
}

/** What the read-only registry server serves. Unknown names and digests are undefined, never an error. */
export interface ServedContent {
  repositories(): Promise<readonly string[]>;
  tags(repository: string): Promise<readonly string[] | undefined>;
  manifest(repository: string, tagOrDigest: string): Promise<ServedManifest | undefined>;
  blob(repository: string, digest: Digest): Promise<ServedBlob | undefined>;
}
