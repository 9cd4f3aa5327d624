import { formatSize } from '../../core/size.ts';
import { shortDigest } from '../../core/digest.ts';
import { inspectBundle } from '../../flows/inspect.ts';
import type { ImageUse } from '../../schema/parts.ts';
import type { InspectReport } from '../../schema/reports.ts';
import { trustedKeys } from '../keys.ts';
import type { Action, CommonOptions } from '../session.ts';
import { termLines } from '../text/terms.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { carriedImporter } from '../text/importer.ts';
import { leftOutColumn, leftOutLines } from '../text/left-out.ts';
import { visible } from '../text/visible.ts';

export interface InspectOptions extends CommonOptions {
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
}

/** `inspect BUNDLE` */
export const inspect: Action<InspectOptions> = async ({ context, emit }, [dir = ''], options) => {
  const isTrusting = options.trustedKeys !== undefined || options.revokedKeys !== undefined;
  const keys = isTrusting ? { allowed: await trustedKeys(context, options, emit) } : {};
  const report = await inspectBundle(dir, { ...keys, now: context.now, emit });
  return { report, text: inspectText(report), summary: summaryOf(report) };
};

function inspectText({ images, archives, leftOut }: InspectReport): string {
  const archiveOf = new Map(archives.flatMap(({ file, images: names }) => names.map((name) => [name, file])));
  return table(images, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'ID', value: ({ config }) => shortDigest(config.digest) },
    { title: 'SIZE', align: 'right', value: ({ bytes }) => formatSize(bytes) },
    ...(leftOut === undefined ? [] : [leftOutColumn]),
    { title: 'ARCHIVE', value: ({ reference }) => archiveOf.get(reference) ?? '' },
    { title: 'USED BY', value: ({ usedBy }) => [...new Set(usedBy.map(userOf))].join(', ') },
  ]);
}

/** What a manifest names itself belongs to no pack. */
function userOf({ pack, item }: Pick<ImageUse, 'pack' | 'item'>): string {
  return pack === '' ? `manifest ${item}` : `${pack}/${item}`;
}

/** What a bundle asks for at the import. */
const asked = {
  keep: 'It asks that names that stand for other images are left to them.',
  retag: 'It asks that names that stand for other images are moved, and these images kept under dated tags.',
} as const;

function summaryOf({
  dir,
  name,
  sequence,
  createdAt,
  audience,
  onExisting,
  expiresAt,
  totals,
  leftOut,
  archives,
  importers,
  signature,
  signers,
}: InspectReport): string {
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  const trust =
    signature === 'good'
      ? `The signature is good: ${signers.map(({ principal, fingerprint }) => `${visible(principal)} (${fingerprint})`).join(', ')}. The archives were not read.`
      : `Nothing was verified. For that: packferry verify ${dir} --trusted-keys ALLOWED_SIGNERS`;
  return [
    `${name} ${sequence} of ${createdAt}: ${count(totals.images, 'image')} in ${count(archives.length, 'archive')}, ${size}.`,
    ...leftOutLines(leftOut),
    ...importers.map(carriedImporter),
    ...termLines({ audience, expiresAt }),
    ...(onExisting === undefined ? [] : [asked[onExisting]]),
    trust,
  ]
    .map(visible)
    .join('\n');
}
