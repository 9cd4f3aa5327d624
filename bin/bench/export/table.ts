import type { Comparison } from './compare.ts';
import type { Measured } from './measure.ts';

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

const head = ['tool', 'wall s', 'CPU s', 'peak RSS MB', 'result MB', 'peak disk beyond it MB', 'written MB'];

function cells(
  name: string,
  { seconds, cpuSeconds, peakMemory, output, peakDisk, written }: Measured,
): string[] {
  const beyond = Math.max(0, peakDisk - output);
  return [
    name,
    seconds.toFixed(2),
    cpuSeconds.toFixed(2),
    mb(peakMemory),
    mb(output),
    mb(beyond),
    mb(written),
  ];
}

/** The medians as a table of Markdown; the last column says how packferry's time compares. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const own = comparisons[0]?.median.seconds ?? Number.NaN;
  const rows = comparisons.map(({ tool, does, median }, at) => [
    ...cells(`${tool} (${does})`, median),
    at === 0 ? '' : (own / median.seconds).toFixed(2),
  ]);
  return tableOf([[...head, 'packferry takes, of its time'], ...rows]);
}

/** A table of Markdown; the first row is its head. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [first = [], ...rest] = rows;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}
