import { collect } from '../core/collect.ts';
import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { isTag, type ImageReference } from '../core/reference.ts';
import { tagListSchema } from '../schema/tag-list.ts';
import type { RegistryClient } from './client.ts';
import type { Repository } from './endpoint.ts';
import { nextQuery } from './tags-link.ts';
import type { Answer } from './transport.ts';

/** The tags of a repository, and who named them. */
export interface TagList {
  readonly tags: readonly string[];
  /** The endpoint that answered, e.g. `registry://docker.io`. */
  readonly source: string;
}

/** Something that knows which tags an image has. */
export interface TagSource {
  /** Every tag of the image's repository. Throws with a code of the "source unavailable" family. */
  listTags(reference: ImageReference, signal?: AbortSignal): Promise<TagList>;
}

/** Tags that are asked for at once; registries may give fewer. */
const pageSize = 1000;

/** Pages of one list; registries that serve ever new ones are not followed for ever. */
const maxPages = 1000;

interface Page {
  readonly tags: readonly string[];
  /** The query of the next page, when the registry names one. */
  readonly next: string | undefined;
}

/**
 * Reads the whole list of tags of one repository, page by page (OCI distribution specification, "Listing Tags").
 * `name` names the image. Throws `E_LIMIT_EXCEEDED` for more than `limits.tags` tags.
 */
export async function readTags(
  client: RegistryClient,
  repository: Repository,
  name: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const what = `tags of ${name}`;
  const tags = new Set<string>();
  let query: string | undefined = new URLSearchParams({ n: String(pageSize) }).toString();
  for (let pages = 0; query !== undefined; pages += 1) {
    if (tags.size > limits.tags || pages >= maxPages) {
      throw new PackferryError(
        'E_LIMIT_EXCEEDED',
        `${what}: more than ${limits.tags} tags or ${maxPages} pages`,
      );
    }
    const get = { path: `tags/list?${query}`, headers: { accept: 'application/json' }, what, signal };
    const page: Page = await client.get(repository, get, (answer) => readPage(answer, what));
    const before = tags.size;
    for (const tag of page.tags) tags.add(tag);
    // Without a link, a registry that knows no paging would give the same tags again and again.
    query = page.next ?? (tags.size === before ? undefined : queryAfter(page.tags));
  }
  return [...tags];
}

async function readPage(answer: Answer, what: string): Promise<Page> {
  const bytes = await collect(answer.body, limits.tagList, what);
  const tags = tagsIn(bytes, answer, what);
  return { tags, next: nextQuery(answer) };
}

/** Older versions of the specification know no `Link`: a full page may then have another one behind it. */
function queryAfter(tags: readonly string[]): string | undefined {
  const last = tags.at(-1);
  if (last === undefined || tags.length !== pageSize) return undefined;
  return new URLSearchParams({ n: String(pageSize), last }).toString();
}

function tagsIn(bytes: Buffer, { url }: Answer, what: string): readonly string[] {
  let tags: readonly string[];
  try {
    tags = tagListSchema.parse(parseStrictJson(bytes, { name: what, maxBytes: limits.tagList })).tags ?? [];
  } catch (cause) {
    throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${url.host} sends no list of tags`, {
      hint: 'Check that this host is a container registry, and that it may list tags.',
      cause,
    });
  }
  const odd = tags.find((tag) => !isTag(tag));
  if (odd === undefined) return tags;
  const shown = JSON.stringify(odd.slice(0, 200));
  throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${url.host} lists ${shown}, which is no tag`);
}
