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
  /**
   * Opens the bytes `from` (inclusive) up to `end` (exclusive, default: all). Content that is found wrong on the way is an
   * error of the stream before its end: the server then never ends the answer cleanly.
   */
  open(from?: number, end?: number): Readable;
}

/** What the read-only registry server serves. Unknown names and digests are undefined, never an error. */
export interface ServedContent {
  /**
   * The repository that a client means by a name, when several names lead to it. `registry` is the registry that a mirror's
   * client wanted to ask. Without this function names are taken as they are.
   */
  repositoryNamed?(name: string, registry?: string): string;
  repositories(): Promise<readonly string[]>;
  tags(repository: string): Promise<readonly string[] | undefined>;
  manifest(repository: string, tagOrDigest: string): Promise<ServedManifest | undefined>;
  blob(repository: string, digest: Digest): Promise<ServedBlob | undefined>;
}

/** A request that was answered, as an access log tells it. */
export interface ServedRequest {
  readonly method: string;
  /** Path and query as they came, cut when they are very long. */
  readonly target: string;
  readonly status: number;
  /** Bytes of the body that went out. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** Address of the client. */
  readonly client: string;
  /** What the client says of itself, cut when it is very long. */
  readonly userAgent?: string;
  /** False when the answer broke off: the client left, was too slow, or the content could not be read or was wrong. */
  readonly complete: boolean;
}
