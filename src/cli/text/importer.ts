import type { VerifyReport } from '../../schema/reports.ts';
import { visible } from './visible.ts';

/** One line on the importer that a bundle carries. */
export function carriedImporter({ file, version, sha256 }: VerifyReport['importers'][number]): string {
  return `It carries the importer ${file} (packferry ${visible(version)}), sha256 ${sha256}.`;
}
