import { mappingOf } from '../core/mapping.ts';
import { formatPath, type Mistake } from './load-manifest-mistakes.ts';

const ofBundle: readonly string[] = [];

/** Keys that have a meaning in the manifest's format, but which this version cannot serve: said so, rather than guessed. */
export function notYetMistakes(manifest: unknown): Mistake[] {
  const bundle = mappingOf(mappingOf(manifest)['bundle']);
  return ofBundle
    .filter((key) => key in bundle)
    .map((key) => {
      const path = ['bundle', key];
      return { path, atKey: true, message: `${formatPath(path)} is not supported yet` };
    });
}

/** Nothing else is to be said of such a key. */
export function isBesideNotYet(mistake: Mistake, notYetOnes: readonly Mistake[]): boolean {
  return notYetOnes.some(({ path }) => formatPath(mistake.path.slice(0, path.length)) === formatPath(path));
}
