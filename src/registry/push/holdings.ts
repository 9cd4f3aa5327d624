import type { Digest } from '../../core/digest.ts';

/** Which blobs are known to be in which repositories of a registry, by path. */
export class Holdings {
  readonly #known = new Map<Digest, Set<string>>();

  add(path: string, digest: Digest): void {
    const paths = this.#known.get(digest) ?? new Set();
    this.#known.set(digest, paths.add(path));
  }

  has(path: string, digest: Digest): boolean {
    return this.#known.get(digest)?.has(path) ?? false;
  }

  /** The repositories that are known to have something. */
  get paths(): ReadonlySet<string> {
    return new Set([...this.#known.values()].flatMap((paths) => [...paths]));
  }

  /** Some repository has it, from which the others can get it. */
  isAnywhere(digest: Digest): boolean {
    return this.#known.has(digest);
  }

  /** A repository other than this one that has the blob; the first that was found, so that few tokens are needed. */
  elsewhere(path: string, digest: Digest): string | undefined {
    return [...(this.#known.get(digest) ?? [])].find((other) => other !== path);
  }
}
