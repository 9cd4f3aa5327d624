// How fast `packferry export` is, side by side with crane, skopeo and docker: npm run bench:export.
//
//   --scenario loopback,slow,many   which to run; all when absent
//   --rounds N                      runs of every tool, in turns; the medians are printed (default 5)
//   --tools packferry,crane         only those whose names start so; all that are installed when absent
//   --crane FILE                    the crane program, where it is not in PATH
//   --json                          print one JSON object with every run
//
// All traffic stays on 127.0.0.1. Takes some 6 GB of disk below the folder for temporary files, and gives them back.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { comparePeers, exportMany, link, type ManyResult, type PeersResult } from './export/scenarios.ts';
import { comparisonTable, tableOf } from './export/table.ts';
import { findTools } from './export/tools.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'loopback,slow,many' },
    rounds: { type: 'string', default: '5' },
    tools: { type: 'string', default: '' },
    crane: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const gigabyte = 1e9;
const totals = [0.5 * gigabyte, gigabyte, 2 * gigabyte];

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function describePeers({ scenario, uniqueBytes, blobs, comparisons, probe }: PeersResult): string {
  const content = `9 images, ${blobs} blobs, ${(uniqueBytes / 1e6).toFixed(0)} MB`;
  const lines = [`${scenario}: ${content}`, '', comparisonTable(comparisons), ''];
  if (probe !== undefined) {
    const rate = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB/s`;
    lines.push(
      `the link: ${link.roundTrip} ms round trip, ${rate(link.perConnection)} per connection, ${rate(link.total)} in all`,
      `plain GETs get: ${probe.roundTrip.toFixed(0)} ms, ${rate(probe.one)} on one connection, ${rate(probe.many)} on ten`,
      ...comparisons.map(({ tool, median }) => {
        const share = uniqueBytes / median.seconds / link.total;
        return `share of the link used by ${tool}: ${share.toFixed(2)}`;
      }),
      '',
    );
  }
  return lines.join('\n');
}

function describeMany({ sizes }: ManyResult): string {
  const head = [
    'images',
    'blobs',
    'MB',
    'wall s',
    'CPU s',
    'MB/s',
    'peak RSS MB',
    'peak disk beyond the bundle MB',
  ];
  const rows = sizes.map(({ images, blobs, uniqueBytes, comparison: { median } }) => [
    String(images),
    String(blobs),
    (uniqueBytes / 1e6).toFixed(0),
    median.seconds.toFixed(2),
    median.cpuSeconds.toFixed(2),
    (uniqueBytes / 1e6 / median.seconds).toFixed(0),
    (median.peakMemory / 1e6).toFixed(0),
    (Math.max(0, median.peakDisk - median.output) / 1e6).toFixed(0),
  ]);
  return ['many:', '', tableOf([head, ...rows]), ''].join('\n');
}

const scenarios = values.scenario.split(',');
const rounds = Number(values.rounds);
const wanted = values.tools.split(',');
const tools = findTools(values.crane, tell).filter(({ name }) =>
  wanted.some((start) => name.startsWith(start)),
);
const peers = (['loopback', 'slow'] as const).filter((name) => scenarios.includes(name));
const folder = await mkdtemp(path.join(tmpdir(), 'packferry-bench-'));
try {
  const options = { folder, tools, rounds, tell };
  const compared = peers.length === 0 ? [] : await comparePeers(peers, options);
  const many = scenarios.includes('many') ? await exportMany(totals, options) : undefined;
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, node ${process.version}`;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine, rounds, compared, many }, undefined, 2)}\n`);
  } else {
    const parts = [...compared.map(describePeers), ...(many === undefined ? [] : [describeMany(many)])];
    process.stdout.write(`${[`${machine}, medians of ${rounds}`, '', ...parts].join('\n')}\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
