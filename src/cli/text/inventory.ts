import { isDigest, shortDigest } from '../../core/digest.ts';
import { someOf } from '../../core/some-of.ts';
import type { InventoryReport } from '../../schema/reports-hosts.ts';
import { count } from './plural.ts';
import { table, type Column } from './table.ts';
import { visible } from './visible.ts';

type Row = InventoryReport['images'][number];

/** More columns would not fit next to the names of images. */
const mostColumns = 6;

/** One table for all hosts: a column for each where they are few, else where each image is missing. */
export function inventoryText(report: InventoryReport): string {
  const hosts = answering(report);
  const rows = report.images.filter(({ state }) => state !== 'extra');
  if (rows.length === 0) return '';
  const columns = hosts.length <= mostColumns ? hosts.map(hostColumn) : groupedColumns(hosts.length);
  return table(rows, [{ title: 'IMAGE', value: ({ reference }) => reference }, ...columns]);
}

function answering({ hosts }: InventoryReport): readonly string[] {
  return hosts.filter(({ error }) => error === undefined).map(({ name }) => name);
}

function hostColumn(host: string): Column<Row> {
  return { title: visible(host), value: (row) => cell(row, host) };
}

/** `yes`, `-`, or what tells different images apart. */
function cell({ held }: Row, host: string): string {
  const [there] = held.filter(({ hosts }) => hosts.includes(host));
  if (there === undefined) return '-';
  if (there.is === 'same' || (there.is === undefined && held.length === 1)) return 'yes';
  return there.is === undefined ? short(there.id) : `${there.is} ${short(there.id)}`;
}

function groupedColumns(all: number): Column<Row>[] {
  return [
    {
      title: 'HAVE IT',
      align: 'right',
      value: ({ held }) => {
        const good = held.filter((one, at) => !isOdd(one, at)).flatMap(({ hosts }) => hosts);
        return `${good.length}/${all}`;
      },
    },
    { title: 'MISSING ON', value: ({ missing }) => (missing.length === 0 ? '-' : someOf(missing)) },
    {
      title: 'DIFFERS',
      value: ({ held }) => {
        const odd = held.filter(isOdd);
        if (odd.length === 0) return '-';
        return odd
          .map(({ id, hosts, is }) => `${is === 'damaged' ? 'damaged ' : ''}${short(id)} on ${someOf(hosts)}`)
          .join('; ');
      },
    },
  ];
}

/** Is it not the image that is wanted, or where nothing is wanted, not the one that most hosts have? */
function isOdd({ is }: Row['held'][number], at: number): boolean {
  return is === undefined ? at > 0 : is !== 'same';
}

function short(id: string): string {
  return isDigest(id) ? shortDigest(id) : id.slice(0, 12);
}

/** Names without a registry are names of Docker Hub, which is easily overlooked with patterns. */
export function nothingOn(hosts: number): string {
  return `${count(hosts, 'host')} asked: no image there fits. A pattern such as 'acme/*' means docker.io/acme; what was built there is often 'localhost/**'.`;
}

/** Closing lines: how many, what is missing, what was written. */
export function inventorySummary(report: InventoryReport, output: string | undefined): string {
  const number = (state: Row['state']): number => report.images.filter((row) => row.state === state).length;
  const all = report.images.length - number('extra');
  const { against } = report;
  const of =
    against === undefined
      ? ''
      : ` of ${against.kind} ${against.name}${against.sequence === undefined ? '' : ` ${against.sequence}`}`;
  const hosts = answering(report).length;
  if (hosts === 0) return 'No host has answered.';
  if (report.images.length === 0)
    return `${nothingOn(hosts)}${output === undefined ? '' : ` Written to ${output}.`}`;
  const parts = [
    `${number('everywhere')} on every host`,
    `${number('missing')} missing somewhere`,
    ...(number('differs') > 0 ? [`${number('differs')} not the same everywhere`] : []),
  ];
  const extra = number('extra');
  return [
    `${count(all, 'image')}${of} on ${count(hosts, 'host')}: ${parts.join(', ')}.`,
    ...(extra > 0
      ? [
          `${count(extra, 'name')} on hosts that the ${against?.kind ?? 'bundle'} does not have; --json lists them.`,
        ]
      : []),
    ...(output === undefined ? [] : [`Written to ${output}.`]),
  ]
    .map(visible)
    .join('\n');
}
