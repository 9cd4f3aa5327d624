import type { BundleDocument } from '../schema/bundle.ts';
import type { FreshnessVerdict } from '../trust/freshness.ts';
import type { VerifiedSigner } from '../trust/verify.ts';
import type { Witnessed } from './check-witness.ts';
import type { FolderListing, SeenFile } from './folder.ts';
import type { ReadDocument } from './read-document.ts';
import type { SignedList } from './signed-list.ts';

/** A bundle of which all has been judged but the bytes of its files. */
export interface JudgedHead {
  readonly listing: FolderListing;
  readonly list: SignedList;
  readonly read: ReadDocument;
  readonly freshness: FreshnessVerdict;
  readonly witnessed: Witnessed | undefined;
  /** Are layers decompressed and compared with what the configs of their images promise? */
  readonly deep: boolean;
}

/**
 * What a bundle says of itself, after signatures, revoked keys, audience, freshness and all that follows from the signed
 * list were found good. It says nothing of the bytes of archives: see `VerifiedBundle` and `PassingBundle`, which are
 * what may be delivered.
 */
export class SignedBundle {
  readonly #read: ReadDocument;
  readonly dir: string;
  readonly signers: readonly VerifiedSigner[];
  /** sha256 in hex of SHA256SUMS: the identity of the bundle. */
  readonly sumsSha256: string;
  /** How it stood to the bundles before it, when it was opened. */
  readonly freshness: FreshnessVerdict;
  /** Leftovers of operating systems that were passed over. */
  readonly litter: readonly string[];
  /** How each file was when the folder was listed, by name. */
  readonly seen: ReadonlyMap<string, SeenFile>;
  /** What the site's own witness said of the images, where one was asked. */
  readonly witnessed: Witnessed | undefined;
  /** As in `JudgedHead`. */
  readonly deep: boolean;

  constructor({ listing, list, read, freshness, witnessed, deep }: JudgedHead) {
    this.#read = read;
    this.dir = listing.dir;
    this.signers = list.signers;
    this.sumsSha256 = list.sumsSha256;
    this.freshness = freshness;
    this.litter = listing.litter;
    this.seen = listing.files;
    this.witnessed = witnessed;
    this.deep = deep;
  }

  get document(): BundleDocument {
    return this.#read.document;
  }

  get volumes(): ReadDocument['volumes'] {
    return this.#read.volumes;
  }
}
