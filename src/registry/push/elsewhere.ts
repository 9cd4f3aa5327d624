import type { LimitFunction } from 'p-limit';
import type { Descriptor } from '../../core/image.ts';
import { hasBlob } from './blob.ts';
import { repositoriesIn } from './catalog.ts';
import { isRefused } from './fault.ts';
import type { Holdings } from './holdings.ts';
import type { Writer } from './writer.ts';

/** A layer that no image which is brought has in its own repository. */
export interface SoughtLayer {
  readonly blob: Descriptor;
  /** Paths of the repositories that should have it. */
  readonly paths: readonly string[];
  /** Those of the images that are brought with it, which do not have it. */
  readonly asked: readonly string[];
  /** What is looked for, for messages: names an image. */
  readonly what: string;
}

export interface Search {
  readonly writer: Writer;
  /** What is found is noted here. */
  readonly holdings: Holdings;
  readonly limit: LimitFunction;
  readonly signal: AbortSignal | undefined;
}

/** Repositories of one kind that are asked for one layer. */
const mostPlaces = 32;

/**
 * Looks for layers in other repositories of a registry, from which they can be mounted: in those that should have them, in
 * those that have something else of what is brought, and at last in those that are called alike, as after a push below
 * another prefix. What may not be read is passed over. Throws `E_TARGET_...` for a registry that cannot be asked.
 */
export async function findElsewhere(layers: readonly SoughtLayer[], search: Search): Promise<void> {
  if (layers.length === 0) return;
  const known = [...search.holdings.paths].slice(0, mostPlaces);
  const left = await lookIn(layers, ({ paths }) => [...paths, ...known], search);
  if (left.length === 0) return;
  const all = await repositoriesIn(search.writer, search.signal);
  await lookIn(left, ({ paths, asked }) => alike([...paths, ...asked], all), search);
}

/** Asks one repository after the other, many layers at the same time. Returns those that are in none. */
async function lookIn(
  layers: readonly SoughtLayer[],
  placesOf: (layer: SoughtLayer) => readonly string[],
  { writer, holdings, limit, signal }: Search,
): Promise<SoughtLayer[]> {
  const has = async (path: string, { blob, what }: SoughtLayer): Promise<boolean> => {
    try {
      return await hasBlob(writer, { endpoint: writer.endpoint, path }, blob, what, signal);
    } catch (fault) {
      if (isRefused(fault)) return false;
      throw fault;
    }
  };
  const left = await Promise.all(
    layers.map(async (layer) => {
      for (const path of new Set(placesOf(layer))) {
        if (layer.asked.includes(path) || !(await limit(has, path, layer))) continue;
        holdings.add(path, layer.blob.digest);
        return [];
      }
      return [layer];
    }),
  );
  return left.flat();
}

/** Of all repositories those whose last part one of these paths has, too; those that share more parts come first. */
function alike(paths: readonly string[], all: readonly string[]): string[] {
  const shared = (path: string): number => Math.max(0, ...paths.map((one) => sharedParts(one, path)));
  return all
    .map((path) => ({ path, parts: shared(path) }))
    .filter(({ parts }) => parts > 0)
    .sort((a, b) => b.parts - a.parts)
    .slice(0, mostPlaces)
    .map(({ path }) => path);
}

/** How many parts two paths have in common at their ends. */
function sharedParts(one: string, other: string): number {
  const [a, b] = [one, other].map((path) => path.split('/').reverse()) as [string[], string[]];
  const differs = a.findIndex((part, at) => part !== b[at]);
  return differs < 0 ? a.length : differs;
}
