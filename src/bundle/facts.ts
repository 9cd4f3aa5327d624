import type { FileResult } from '../core/damage.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { VerifiedSigner } from '../trust/verify.ts';
import type { Witnessed } from './check-witness.ts';

/**
 * What has become known of a bundle while it is opened, in this order; for evidence, also where opening it fails later. The
 * list is not yet trusted when it is told; all that follows is.
 */
export type BundleFact =
  | { readonly kind: 'list'; readonly sumsSha256: string }
  | { readonly kind: 'signers'; readonly signers: readonly VerifiedSigner[] }
  | { readonly kind: 'document'; readonly document: BundleDocument }
  | { readonly kind: 'witness'; readonly witnessed: Witnessed }
  | { readonly kind: 'files'; readonly files: readonly FileResult[] };

/** Where facts go. Must return quickly and never throw. */
export type Observe = (fact: BundleFact) => void;
