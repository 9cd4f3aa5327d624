import { someOf } from '../../core/some-of.ts';
import type { ExportReport } from '../../schema/reports.ts';
import { count } from './plural.ts';

/** Which source has given how many images; of several sources, which images. */
export function sourceLines(images: ExportReport['images']): string[] {
  const given = new Map<string, string[]>();
  for (const { reference, source } of images) given.set(source, [...(given.get(source) ?? []), reference]);
  return [...given].map(([source, references]) => {
    const names = given.size === 1 ? '' : `: ${someOf(references)}`;
    return `${count(references.length, 'image')} from ${source}${names}.`;
  });
}
