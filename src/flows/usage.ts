import { formatReference, nameOf } from '../core/reference.ts';
import { reportVersion } from '../schema/reports.ts';
import type { UsageReport } from '../schema/reports-tags.ts';
import type { Selection } from './selection.ts';
import { similarNames, type NamedImage } from './usage-name.ts';

const mostHints = 3;

/** Says who uses an image: by its exact tag, or by any tag when it was named without one. */
export function findUsage(named: NamedImage, { wanted }: Pick<Selection, 'wanted'>): UsageReport {
  const uses = wanted
    .filter(({ reference }) => named.matches(reference))
    .flatMap(({ reference, usedBy }) =>
      usedBy.map((use) => ({ reference: formatReference(reference), ...use })),
    );
  const near = uses.length > 0 ? [] : nearTo(named.name, wanted);
  return { schemaVersion: reportVersion, image: named.text, uses, near };
}

/** Images in use under other tags of the same name; otherwise those with a similar name. */
function nearTo(name: string, wanted: Selection['wanted']): string[] {
  const references = wanted.map(({ reference }) => reference);
  const sameName = references.filter((reference) => nameOf(reference) === name);
  if (sameName.length > 0) return sameName.slice(0, mostHints).map(formatReference);
  return similarNames(name, [...new Set(references.map(nameOf))]).slice(0, mostHints);
}
