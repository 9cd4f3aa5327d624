import type { Measured } from '../export/measure.ts';
import { tableOf } from '../export/table.ts';
import type { EngineResult } from './compare.ts';

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
const engineCpu = ({ cpuSeconds, clientCpuSeconds }: Measured): string =>
  (cpuSeconds - clientCpuSeconds).toFixed(2);

/** The ways that bring all images to an empty engine; the last column says how packferry's time compares. */
export function freshTable(results: readonly EngineResult[]): string {
  const head = ['engine', 'way', 'wall s', 'CPU s, client', 'CPU s, engine', 'packferry takes, of its time'];
  const rows = results.flatMap(({ engine, ways }) =>
    ways.map(({ name, median }, at) => [
      at === 0 ? engine : '',
      name,
      median.seconds.toFixed(2),
      median.clientCpuSeconds.toFixed(2),
      engineCpu(median),
      at === 0 ? '' : ((ways[0]?.median.seconds ?? Number.NaN) / median.seconds).toFixed(2),
    ]),
  );
  return tableOf([head, ...rows]);
}

/** What packferry does beside: verification alone, imports that find all or most of it there, memory. */
export function laterTable(results: readonly EngineResult[]): string {
  const head = [
    ...['engine', 'verification s', 'all present s', 'one new image s', 'bytes sent for it'],
    ...['of missing layers', 'above them %', 'peak RSS MB'],
  ];
  const rows = results.map(({ engine, ways, verify, present, update, updateBytes: { sent, missing } }) => [
    engine,
    verify.seconds.toFixed(2),
    present.seconds.toFixed(2),
    update.seconds.toFixed(2),
    String(sent),
    String(missing),
    ((100 * (sent - missing)) / missing).toFixed(2),
    mb(Math.max(ways[0]?.median.clientPeakMemory ?? 0, present.clientPeakMemory, update.clientPeakMemory)),
  ]);
  return tableOf([head, ...rows]);
}
