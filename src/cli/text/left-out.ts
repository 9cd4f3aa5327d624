import { formatSize } from '../../core/size.ts';
import type { LeftOutReport } from '../../schema/left-out.ts';
import { count } from './plural.ts';
import type { Column } from './table.ts';
import { visible } from './visible.ts';

/** What a bundle leaves out, and who has it, as lines for people; none where it leaves out nothing. */
export function leftOutLines(leftOut: LeftOutReport | undefined): string[] {
  if (leftOut === undefined) return [];
  const { bases } = leftOut;
  const what = `Left out: ${sizeOf(leftOut)}, that the other side has`;
  const [first] = bases;
  if (bases.length === 1 && first !== undefined) return [visible(`${what}: ${first.name}.`)];
  return [`${what}:`, ...bases.map((base) => `  ${sizeOf(base)}: ${base.name}`)].map(visible);
}

function sizeOf({ layers, bytes }: Pick<LeftOutReport, 'layers' | 'bytes'>): string {
  return `${count(layers, 'layer')}, ${formatSize(bytes)}`;
}

/** How much of an image is left out, in tables of images. */
export const leftOutColumn: Column<{ readonly bytesLeftOut?: number }> = {
  title: 'LEFT OUT',
  align: 'right',
  value: ({ bytesLeftOut = 0 }) => formatSize(bytesLeftOut),
};
