import { isMapping, mappingOf } from '../core/mapping.ts';
import type { YamlPath } from '../core/yaml.ts';
import { formatPath, type Mistake } from './load-manifest-mistakes.ts';

const ofPacks = ['marketplace', 'xsoarConfig'];
const ofBundle = ['packs', 'importer', 'audience'];

/** Keys that have a meaning in the manifest's format, but which this version cannot serve: said so, rather than guessed. */
export function notYetMistakes(manifest: unknown): Mistake[] {
  const { packs, bundle } = mappingOf(manifest);
  const entries: readonly unknown[] = Array.isArray(packs) ? packs : [];
  return [
    ...entries.flatMap((entry, index) => notYet(entry, ['packs', index], ofPacks)),
    ...notYet(bundle, ['bundle'], ofBundle),
  ];
}

/** The entries of `packs` of which nothing else is to be said: their other keys belong to the one that is not served. */
export function isBesideNotYet(mistake: Mistake, notYetOnes: readonly Mistake[]): boolean {
  return notYetOnes.some(({ path }) => {
    const [list] = path;
    const owner = list === 'packs' ? path.slice(0, 2) : path;
    return formatPath(mistake.path.slice(0, owner.length)) === formatPath(owner);
  });
}

function notYet(mapping: unknown, parent: YamlPath, keys: readonly string[]): Mistake[] {
  if (!isMapping(mapping)) return [];
  return keys
    .filter((key) => key in mapping)
    .map((key) => {
      const path = [...parent, key];
      return { path, atKey: true, message: `${formatPath(path)} is not supported yet` };
    });
}
