import { digestOf, type Digest } from './digest.ts';

/**
 * The chainIDs of a stack of layers, bottom first: each names a layer together with all below it (OCI image
 * specification, config.md, "Layer ChainID"). Docker knows unpacked layers by these alone.
 */
export function chainIdsOf(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}
