import { isDigest, shortDigest } from '../../core/digest.ts';
import { someOf } from '../../core/some-of.ts';
import type { SyncReport } from '../../schema/reports-hosts.ts';
import { nothingOn } from './inventory.ts';
import { deliverySummary, deliveryTable } from './delivery.ts';
import { count } from './plural.ts';
import { table } from './table.ts';
import { visible } from './visible.ts';

type Row = SyncReport['images'][number];

/** Who lacks what, then how it fared where something was brought. */
export function syncText(report: SyncReport): string {
  if (report.images.length === 0) return '';
  const compared = table(report.images, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'ID', value: ({ id }) => (id === undefined ? '-' : short(id)) },
    { title: 'FROM', value: ({ from }) => from ?? '-' },
    { title: 'LACKED BY', value: ({ lacked }) => (lacked.length === 0 ? '-' : someOf(lacked, 6)) },
    { title: 'ANOTHER IMAGE', value: conflictsIn },
  ]);
  const isBrought = report.targets.length > 0;
  return [compared, ...(isBrought ? [deliveryTable(report)] : [])].join('\n\n');
}

function conflictsIn({ conflicts }: Row): string {
  if (conflicts.length === 0) return '-';
  return conflicts.map(({ id, hosts }) => `${short(id)} on ${someOf(hosts, 6)}`).join('; ');
}

function short(id: string): string {
  return isDigest(id) ? shortDigest(id) : id.slice(0, 12);
}

/** Closing lines. */
export function syncSummary(report: SyncReport): string {
  const { images, hosts, targets, dryRun } = report;
  const asked = hosts.filter(({ error }) => error === undefined).length;
  if (images.length === 0) return nothingOn(asked);
  const lacking = images.filter(({ id, lacked }) => id !== undefined && lacked.length > 0).length;
  const conflicts = images.filter((image) => image.conflicts.length > 0).length;
  const parts = [
    `${lacking} ${dryRun ? 'lacked' : 'were lacked'} by some`,
    ...(conflicts > 0 ? [`${conflicts} with names that stand for different images`] : []),
  ];
  const head = `${count(images.length, 'image')} on ${count(asked, 'host')}: ${parts.join(', ')}.`;
  const brought = targets.length === 0 ? [] : deliverySummary('Images', { targets, dryRun });
  return [head, ...brought].map(visible).join('\n');
}

/** For the question whether it is to be done: a line for each host that gets something. */
export function whatIsBrought({ images }: SyncReport, movesNames: boolean): readonly string[] {
  const gets = new Map<string, number>();
  for (const { id, lacked, conflicts } of images) {
    if (id === undefined) continue;
    const others = movesNames ? conflicts.flatMap(({ hosts }) => hosts) : [];
    for (const host of [...lacked, ...others]) gets.set(host, (gets.get(host) ?? 0) + 1);
  }
  return [...gets].map(([host, number]) => `To ${host}: ${count(number, 'image')}.`);
}
