import { formatSize } from '../../core/size.ts';
import type { ExportReport } from '../../schema/reports.ts';

import { sourceLines } from './image-sources.ts';
import { leftOutLines } from './left-out.ts';
import { count } from './plural.ts';
import { termLines } from './terms.ts';
import { visible } from './visible.ts';

/** What an export has written, as lines for people. */
export function exportSummary(report: ExportReport, isRepair = false): string {
  const { dir, name, sequence, status, totals, archives, packs, images, importers, leftOut } = report;
  const { bytesFetched, bytesReused, signers } = report;
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  if (status === 'present')
    return [
      `${dir} already holds this bundle: ${name} ${sequence}, ${count(totals.images, 'image')}, ${size}.`,
      ...leftOutLines(leftOut),
      ...importerLines(importers),
    ]
      .map(visible)
      .join('\n');
  return [
    `Wrote ${name} ${sequence} to ${dir}: ${count(totals.images, 'image')} in ${count(archives.length, 'archive')}, ${size}; ${formatSize(bytesFetched)} fetched${bytesReused > 0 ? `, ${formatSize(bytesReused)} reused` : ''}.`,
    ...sourceLines(images),
    ...leftOutLines(leftOut),
    ...(packs.length === 0 ? [] : [`${count(packs.length, 'pack')} carried along.`]),
    ...importerLines(importers),
    ...termLines(report),
    `Signed by ${signers.map(({ fingerprint }) => fingerprint).join(', ')}.`,
    `Carry the folder over, then: packferry import ${dir} --trusted-keys ALLOWED_SIGNERS${isRepair && leftOut !== undefined ? ' --with THE_DAMAGED_BUNDLE' : ''}`,
  ]
    .map(visible)
    .join('\n');
}

/** A program that checks its own bundle proves nothing, so its hash has to be told. */
function importerLines(importers: ExportReport['importers']): string[] {
  return importers.flatMap(({ file, version, sha256 }) => [
    `Carries the importer ${file} (packferry ${version}), sha256`,
    `  ${sha256}`,
    '  Give this hash to the closed side on another way: nobody has to believe the program before it is compared.',
  ]);
}
