import { parseReference } from '../../core/reference.ts';
import { formatSize } from '../../core/size.ts';
import type { PlanReport } from '../../schema/reports-plan.ts';
import { leftOutColumn, leftOutLines } from '../text/left-out.ts';
import { termLines } from '../text/terms.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';

type Image = PlanReport['images'][number];

/** The table of a plan, for people: largest images first, since these are what one may want to leave out. */
export function planTable({ images, errors, leftOut }: PlanReport): string {
  if (images.length === 0) return errors.length === 0 ? 'No image is needed.' : '';
  const rows = [...images].sort((a, b) => b.bytes - a.bytes);
  const isMoved = images.some((image) => !isFromOwnRegistry(image));
  const isAsked = images.some(({ witness }) => witness !== undefined);
  return table(rows, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'SIZE', align: 'right', value: ({ bytes }) => formatSize(bytes) },
    { title: 'SHARED', align: 'right', value: ({ bytesShared }) => formatSize(bytesShared) },
    ...(leftOut === undefined ? [] : [leftOutColumn]),
    ...(isMoved ? [{ title: 'FROM', value: sourceOf }] : []),
    ...(isAsked ? [{ title: 'WITNESS', value: ({ witness }: Image) => witness ?? '' }] : []),
    { title: 'USED BY', value: usersOf },
    { title: 'FINDINGS', value: findingsOf },
  ]);
}

/** Does it come from where its name says? */
function isFromOwnRegistry({ reference, source }: Image): boolean {
  return source === `registry://${reference.slice(0, reference.indexOf('/'))}`;
}

/** The same as a tree: pack, item, image. An image stands below everything that needs it. */
export function planTree({ name, packs, images }: PlanReport): string {
  const versions = new Map(packs.map(({ id, version }) => [id, version]));
  const tree = new Map<string, Map<string, string[]>>();
  for (const image of images) {
    for (const { pack, item, kind, key } of image.usedBy) {
      const title = pack === '' ? `manifest ${name}` : [pack, versions.get(pack) ?? ''].join(' ').trim();
      const items = tree.get(title) ?? new Map<string, string[]>();
      tree.set(title, items);
      const under = kind === 'manifest' ? key : `${item} (${kind})`;
      const how = kind === 'manifest' || key === 'dockerimage' ? '' : `, ${keyWord(key)}`;
      items.set(under, [
        ...(items.get(under) ?? []),
        `${image.reference} (${formatSize(image.bytes)}${how})`,
      ]);
    }
  }
  const lines = [...tree]
    .sort(byName)
    .flatMap(([pack, items]) => [
      pack,
      ...[...items]
        .sort(byName)
        .flatMap(([item, references]) => [`  ${item}`, ...references.map((one) => `    ${one}`)]),
    ]);
  return lines.map(visible).join('\n');
}

/** Further lines for the summary of a plan: what is left out, what leaving out would save, what a witness said. */
export function planNotes(report: PlanReport): string[] {
  const { images, packs, excluded, savings, totals, pullLimits } = report;
  const lines = [...leftOutLines(report.leftOut), ...termLines(report)];
  const needed = packs.filter(({ requiredBy }) => requiredBy !== undefined).length;
  if (needed > 0) lines.push(`Packs that others need: ${needed}.`);
  if (packs.some(({ carried }) => carried !== undefined)) {
    const carried = packs.filter((pack) => pack.carried === true).length;
    lines.push(`Carried: ${carried} of ${count(packs.length, 'pack')}.`);
  }
  if (excluded.images.length > 0) {
    const size = excluded.bytes === undefined ? '' : `, ${formatSize(excluded.bytes)}`;
    const unknown = excluded.images.filter(({ bytes }) => bytes === undefined).length;
    const rest = size === '' || unknown === 0 ? '' : ` and ${count(unknown, 'image')} of unknown size`;
    lines.push(`Excluded: ${count(excluded.images.length, 'image')}${size}${rest}.`);
  }
  const findings = images.flatMap((image) => image.findings);
  if (findings.length > 0) {
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const forbidden = errors === 0 ? '' : `, ${errors} of them forbidden by the policy`;
    lines.push(`Findings: ${findings.length}${forbidden}.`);
  }
  const said = (answer: Image['witness']): number =>
    images.filter(({ witness }) => witness === answer).length;
  if (said(undefined) < images.length) {
    lines.push(
      `Witness: ${said('agrees')} agree, ${said('disagrees')} disagree, ${said('absent')} not known to it.`,
    );
  }
  for (const { registry, limit, remaining, window, source, needed } of pullLimits) {
    const hours = window === undefined ? '' : ` in ${Math.round(window / 360) / 10} hours`;
    const whose = source === undefined ? '' : `, counted for ${source}`;
    lines.push(
      visible(
        `${registry}: ${remaining} of ${limit} pulls${hours} remain${whose}; an export needs ${needed}.`,
      ),
    );
  }
  if (totals.images > 1) {
    for (const { exclude, bytes } of savings) {
      lines.push(visible(`exclude ${exclude} saves ${formatSize(bytes)}`));
    }
  }
  return lines;
}

/** Where an image comes from, unless that is the registry that it is named after. */
function sourceOf({ reference, source }: Image): string {
  return source === `registry://${parseReference(reference).registry}` ? '' : source;
}

function usersOf({ usedBy }: Image): string {
  const [first] = usedBy;
  if (first === undefined) return '';
  const place = `${first.file}:${first.line}`;
  return usedBy.length === 1 ? place : `${place} and ${usedBy.length - 1} more`;
}

function findingsOf({ findings }: Image): string {
  return findings.map(({ rule, severity }) => (severity === 'error' ? `error: ${rule}` : rule)).join(', ');
}

function keyWord(key: string): string {
  return key === 'type' ? 'default' : key;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
