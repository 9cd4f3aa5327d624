import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { platformFrom, type Platform } from '../core/platform.ts';
import { parseReference, tagNameOf } from '../core/reference.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';
import type { Inspection } from './inspection.ts';

/** How many images are looked into: knowing fewer layers only costs bytes. */
const imagesLookedInto = 5000;

/**
 * What an engine tells of each of its images, also of those without a name; `listed` are their IDs where it was asked for them
 * before. Throws what asking throws.
 */
export async function inspectAll(
  engine: Engine,
  signal?: AbortSignal,
  listed = engine.imageIds(signal),
): Promise<readonly Inspection[]> {
  const ids = [...new Set(await listed)].slice(0, imagesLookedInto);
  return engine.inspectMany(ids, signal);
}

/** What an engine has under a name. */
export interface NamedImage {
  /** Fully qualified, with its tag. */
  readonly reference: string;
  /** What the engine calls it. */
  readonly id: string;
  /** The ID, and the digests of the manifests that it stands for where it is an index. */
  readonly ids: readonly string[];
  /** What the ID is a digest of; images of engines of one kind are compared by it. */
  readonly idOf: 'config' | 'manifest';
  readonly layers: readonly Digest[];
  readonly platform: Platform | undefined;
  /** As the engine counts. */
  readonly bytes: number;
}

/** Every name of an engine with its image, by name. Throws what asking throws. */
export async function listNames(engine: Engine, signal?: AbortSignal): Promise<readonly NamedImage[]> {
  const { idOf } = engine.facts;
  const named = new Map<string, NamedImage>();
  for (const found of await inspectAll(engine, signal)) {
    const members = (found.Manifests ?? []).map(({ Descriptor }) => Descriptor.digest).filter(isDigest);
    const id = engineWords(found.Id);
    const { Os: os, Architecture: architecture, Variant: variant } = found;
    for (const reference of namesOf(found)) {
      named.set(reference, {
        ...{ reference, id, idOf, ids: [id, ...members] },
        layers: (found.RootFS?.Layers ?? []).filter(isDigest),
        platform: platformFrom({ os: os ?? '', architecture: architecture ?? '', variant }),
        bytes: Math.max(0, Math.trunc(found.Size ?? 0)),
      });
    }
  }
  return [...named.values()].sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

function namesOf({ RepoTags }: Inspection): string[] {
  return (RepoTags ?? []).flatMap((tag) => {
    try {
      return tagNameOf(parseReference(tag)) ?? [];
    } catch (fault) {
      // `<none>:<none>`, and names that only an engine takes.
      if (fault instanceof PackferryError) return [];
      throw fault;
    }
  });
}
