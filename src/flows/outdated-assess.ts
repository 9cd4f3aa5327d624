import { formatReference, type ImageReference } from '../core/reference.ts';
import {
  byRevision,
  comparableTags,
  isVendorImage,
  parseVendorTag,
  type VendorTag,
} from '../pack/update-version.ts';
import type { ImageFacts, Lookups } from './outdated-lookups.ts';

/** A tag with what its image tells. */
export interface KnownTag extends Partial<ImageFacts> {
  readonly tag: string;
}

/** How an image that is in use stands to the tags of its registry. */
export interface Assessment {
  readonly reference: string;
  /**
   * `held`: there are newer builds, but of another version or Python, or with a Python that is not known.
   * `not comparable`: the tag cannot be ordered among the others.
   */
  readonly status: 'current' | 'outdated' | 'held' | 'not comparable';
  /** The endpoint that named the tags. */
  readonly source: string;
  /** Undefined when its configuration cannot be read, for instance since the tag is gone. */
  readonly used: ImageFacts | undefined;
  /** Does the registry still have the tag? Undefined for references without one, and where there is no list of tags. */
  readonly exists: boolean | undefined;
  /** The highest revision of all tags. */
  readonly newest: KnownTag | undefined;
  /** What to move to; only when outdated. */
  readonly update: KnownTag | undefined;
  /** Why nothing is proposed. */
  readonly reason: string | undefined;
}

type Verdict = Pick<Assessment, 'status'> & { readonly update?: VendorTag; readonly reason?: string };

/**
 * Finds out whether there is a newer build of an image. Newer means a higher revision; unless `anyVersion` is set, it
 * must keep the line of the tag (see `VendorTag`) and the minor version of Python.
 */
export async function assess(
  reference: ImageReference,
  lookups: Lookups,
  anyVersion: boolean,
): Promise<Assessment> {
  const { tags, source } = await lookups.tags(reference);
  const { tag } = reference;
  const exists = tag === undefined ? undefined : tags?.includes(tag);
  const used = tag !== undefined && exists !== false ? await lookups.facts(reference, tag) : undefined;
  if (tags === undefined) {
    const reason = `${source.replace(/:$/, '')} keeps no list of tags`;
    const unknown = { newest: undefined, update: undefined, exists: undefined };
    return {
      reference: formatReference(reference),
      status: 'not comparable',
      source,
      used,
      reason,
      ...unknown,
    };
  }
  const ordered = isVendorImage(reference) ? comparableTags(tags) : [];
  const newest = ordered.at(-1);
  const { status, update, reason } = await judge(reference, used, { ordered, lookups, anyVersion });
  return {
    ...{ reference: formatReference(reference), status, source, used, exists, reason },
    newest: await known(reference, newest, lookups),
    update: await known(reference, update, lookups),
  };
}

interface Choice {
  /** The tags that can be compared, the oldest first. */
  readonly ordered: readonly VendorTag[];
  readonly lookups: Lookups;
  readonly anyVersion: boolean;
}

async function judge(
  reference: ImageReference,
  facts: ImageFacts | undefined,
  choice: Choice,
): Promise<Verdict> {
  const incomparable = (reason: string): Verdict => ({ status: 'not comparable', reason });
  if (reference.digest !== undefined) return incomparable('pinned by its digest');
  if (!isVendorImage(reference))
    return incomparable('not an image of the vendor: the order of its tags is not known');
  const used = parseVendorTag(reference.tag ?? '');
  if (used === undefined) return incomparable(`the tag ${reference.tag ?? ''} has no revision`);

  const newer = choice.ordered.filter((tag) => byRevision(tag, used) > 0);
  const newest = newer.at(-1);
  if (newest === undefined) return { status: 'current' };
  if (choice.anyVersion) return { status: 'outdated', update: newest };
  const inLine = newer.filter(({ line }) => line === used.line);
  if (inLine.length > 0) return keepPython(reference, facts, inLine, choice.lookups);
  return { status: 'held', reason: `newer builds are of another version (${newest.tag})` };
}

/** The newest of these tags, oldest first, whose image has the Python that the used one has. */
async function keepPython(
  reference: ImageReference,
  used: ImageFacts | undefined,
  newer: readonly VendorTag[],
  lookups: Lookups,
): Promise<Verdict> {
  const last = newer.at(-1);
  if (last === undefined) return { status: 'current' };
  const offered = await lookups.facts(reference, last.tag);
  if (offered === undefined) return { status: 'held', reason: `the Python of ${last.tag} is not known` };
  const python = minor(offered);
  // The tag itself tells the Python of images that are a Python and little else.
  const isSame = used === undefined ? [undefined, last.line].includes(python) : minor(used) === python;
  if (isSame) return { status: 'outdated', update: last };
  const offer = offered.python === undefined ? 'no Python' : `Python ${offered.python}`;
  if (used === undefined) {
    return { status: 'held', reason: `newer builds have ${offer}; that of this one is not known` };
  }
  // Builds follow each other, and so do their Pythons: the last with the same one is found by halving.
  let [same, other] = [-1, newer.length - 1];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    const tag = newer[middle]?.tag ?? '';
    const facts = await lookups.facts(reference, tag);
    if (facts !== undefined && minor(facts) === minor(used)) same = middle;
    else other = middle;
  }
  const update = newer[same];
  if (update !== undefined) return { status: 'outdated', update };
  return { status: 'held', reason: `newer builds have ${offer} instead of ${used.python ?? 'none'}` };
}

/** `3.12` of `3.12.13`. */
function minor({ python }: ImageFacts): string | undefined {
  return python?.split('.').slice(0, 2).join('.');
}

async function known(
  reference: ImageReference,
  tag: VendorTag | undefined,
  lookups: Lookups,
): Promise<KnownTag | undefined> {
  return tag && { tag: tag.tag, ...(await lookups.facts(reference, tag.tag)) };
}
