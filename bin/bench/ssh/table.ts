import { tableOf } from '../export/table.ts';
import type { Compared, Run } from './compare.ts';

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
const elsewhere = ({ cpuSeconds, clientCpuSeconds }: Run): string =>
  (cpuSeconds - clientCpuSeconds).toFixed(2);

/** The ways with what they took; the last column says how packferry's time compares. */
export function sshTable(compared: readonly Compared[]): string {
  const head = [
    ...['scenario', 'way', 'wall s', 'CPU s, client', 'CPU s, engines and sshd', 'peak RSS MB'],
    ...['MB there', 'MB back', 'packferry takes, of its time'],
  ];
  const rows = compared.flatMap(({ scenario, ways }) =>
    ways.map(({ name, median }, at) => [
      at === 0 ? scenario : '',
      name,
      median.seconds.toFixed(2),
      median.clientCpuSeconds.toFixed(2),
      elsewhere(median),
      // Of a pipe only the shell would be seen.
      name.startsWith('packferry') ? mb(median.clientPeakMemory) : '',
      median.sent === undefined ? '' : mb(median.sent),
      median.received === undefined ? '' : mb(median.received),
      name.startsWith('packferry') ? '' : ratio(ways[0]?.median.seconds, median.seconds),
    ]),
  );
  return tableOf([head, ...rows]);
}

/** What the figures mean, one line each. */
export function sshWords(compared: readonly Compared[]): string[] {
  const lines: string[] = [];
  const one = compared.find((each) => each.hosts === 1 && !each.knownBase && each.roundTrip === 0);
  for (const { scenario, hosts, missing, ways } of compared) {
    for (const { name, median } of ways.filter((way) => way.name.startsWith('packferry'))) {
      if (median.sent !== undefined && median.received !== undefined) {
        const all = median.sent + median.received;
        const above = ((100 * (all - missing)) / missing).toFixed(2);
        lines.push(`${scenario}: ${name}: ${all} bytes both ways for ${missing} missing: ${above} % above`);
      }
      const alone = one?.ways.find((way) => way.name === name)?.median.seconds;
      if (hosts > 1 && alone !== undefined) {
        lines.push(`${scenario}: ${name}: ${ratio(median.seconds, alone)} times the time of one host`);
      }
    }
  }
  return lines;
}

function ratio(one: number | undefined, other: number): string {
  return ((one ?? Number.NaN) / other).toFixed(2);
}
