import { collect } from '../../core/collect.ts';
import { asPackferryError } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { isRepositoryPath } from '../../core/reference.ts';
import { catalogSchema } from '../../schema/catalog.ts';
import { nextQuery } from '../tags-link.ts';
import { refusedWith } from './fault.ts';
import type { Writer } from './writer.ts';

/** Pages that are asked for, each of at most 1000 repositories. */
const maxPages = 20;

/**
 * Repositories of a registry, prefix or not, as far as it lists them: many do not, or not to everybody, and that is no
 * fault. Throws `E_TARGET_...` for one that cannot be asked.
 */
export async function repositoriesIn(writer: Writer, signal: AbortSignal | undefined): Promise<string[]> {
  const { endpoint } = writer;
  const what = `the repositories of ${endpoint.host}`;
  const found: string[] = [];
  let query: string | undefined = 'n=1000';
  for (let page = 0; query !== undefined && page < maxPages; page += 1) {
    const path: URL = new URL(`/v2/_catalog?${query}`, endpoint.origin);
    const request = { path, headers: { accept: 'application/json' }, what, signal, expects: [200] };
    try {
      query = await writer.send({ endpoint, path: '' }, request, async (answer) => {
        found.push(...namesIn(await collect(answer.body, limits.tagList, what), what));
        return nextQuery(answer);
      });
    } catch (fault) {
      if (refusedWith(asPackferryError(fault)) === undefined) throw fault;
      break;
    }
  }
  return found;
}

/** Whoever answers with something else than a list lists nothing. */
function namesIn(bytes: Buffer, name: string): string[] {
  const read = catalogSchema.safeParse(jsonIn(bytes, name));
  return (read.data?.repositories ?? []).filter((path) => isRepositoryPath(path));
}

function jsonIn(bytes: Buffer, name: string): unknown {
  try {
    return parseStrictJson(bytes, { name, maxBytes: limits.tagList });
  } catch (fault) {
    if (asPackferryError(fault).code === 'E_JSON_INVALID') return undefined;
    throw fault;
  }
}
