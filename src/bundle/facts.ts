import type { BundleDocument } from '../schema/bundle.ts';
import type { VerifiedSigner } from '../trust/verify.ts';

/** What was found of one file of a bundle's signed list. */
export interface CheckedFile {
  readonly file: string;
  /** Its length, as far as it is known. */
  readonly bytes?: number;
  /** What its content hashes to, 64 hex digits. Absent where not all of it was read. */
  readonly sha256?: string;
  readonly result: 'good' | 'missing' | 'unreadable' | 'damaged';
}

/**
 * What has become known of a bundle while it is opened, in this order; for evidence, also where opening it fails later. The
 * list is not yet trusted when it is told; all that follows is.
 */
export type BundleFact =
  | { readonly kind: 'list'; readonly sumsSha256: string }
  | { readonly kind: 'signers'; readonly signers: readonly VerifiedSigner[] }
  | { readonly kind: 'document'; readonly document: BundleDocument }
  | { readonly kind: 'files'; readonly files: readonly CheckedFile[] };

/** Where facts go. Must return quickly and never throw. */
export type Observe = (fact: BundleFact) => void;
